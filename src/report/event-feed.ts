/**
 * Tells events in order, each at least once: the event table is the outbox, a cursor says how far it has been told.
 *
 * The cursor is written seldom, because the disk may be an SD card: after a crash the events since then are told again
 * under the same ids. Nothing is held in memory while there is no connection.
 */
import * as z from 'zod';
import type { Clock, Timer } from '../core/clock.ts';
import type { EventRecord } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { Spool } from '../spool/types.ts';
import { BrokerUnavailable } from './broker-types.ts';
import { FACTS_ROOM } from './facts.ts';

export interface EventFeedDeps {
  clock: Clock;
  log: Log;
  spool: Pick<Spool, 'events' | 'onChange' | 'getFacts' | 'putFact'>;
  /** Start of the agent: with no cursor yet, what was before is not told. Epoch milliseconds. */
  startedAt: number;
  isConnected(): boolean;
  publish(event: EventRecord): Promise<void>;
}

export interface EventFeed {
  start(): Promise<void>;
  /** There may be something to tell, or somebody to tell it to. */
  wake(): void;
  /** Writes the cursor. */
  stop(): Promise<void>;
}

const CURSOR_KEY = 'event-cursor';

export function createEventFeed(deps: EventFeedDeps): EventFeed {
  const { clock, log, spool } = deps;
  let cursor = 0;
  let written = 0;
  let isStopped = true;
  let telling: Promise<void> | null = null;
  let isAsked = false;
  let saving: Timer | null = null;
  let unsubscribe: () => void = () => {};
  let rest = Promise.withResolvers<void>();

  async function tell(): Promise<void> {
    while (!isStopped && deps.isConnected()) {
      isAsked = false;
      const startedAt = clock.monotonicMs();
      const batch = await spool.events(cursor, LIMITS.reportEventBatchMax);
      for (const event of batch) {
        if (isStopped) return;
        await deps.publish(event);
        cursor = event.seq;
        planSave();
      }
      if (batch.length < LIMITS.reportEventBatchMax && !isAsked) return;
      await pause(
        (batch.length * 1000) / LIMITS.reportEventsPerSecondMax - (clock.monotonicMs() - startedAt),
      );
    }
  }

  /** After hours offline thousands of events wait, at every site of the same broker. */
  async function pause(ms: number): Promise<void> {
    if (ms <= 0 || isStopped) return;
    rest = Promise.withResolvers();
    const timer = clock.schedule(ms, () => rest.resolve());
    await rest.promise;
    timer.cancel();
  }

  function wake(): void {
    isAsked = true;
    if (isStopped || telling !== null || !deps.isConnected()) return;
    telling = tell()
      .catch((error: unknown) => {
        // The next connection, or the next event, begins where this ended.
        const isExpected = isStopped || error instanceof BrokerUnavailable;
        log[isExpected ? 'debug' : 'warn']('mqtt.events-stopped', { error: describeError(error) });
      })
      .finally(() => {
        telling = null;
        // Whoever asked between the last look and now found the round still under way.
        if (isAsked) wake();
      });
  }

  function planSave(): void {
    saving ??= clock.schedule(LIMITS.reportCursorEveryMs, () => {
      saving = null;
      void save();
    });
  }

  async function save(): Promise<void> {
    const now = cursor;
    if (now === written) return;
    try {
      await spool.putFact(FACTS_ROOM, CURSOR_KEY, now);
      written = now;
    } catch (error) {
      // A full disk; the events since the cursor that is on it are told twice if the agent ends now.
      log.warn('mqtt.cursor-not-written', { error: describeError(error) });
      if (!isStopped) planSave();
    }
  }

  return {
    async start() {
      isStopped = false;
      const saved = z
        .int()
        .min(0)
        .safeParse((await spool.getFacts(FACTS_ROOM)).get(CURSOR_KEY));
      cursor = saved.success && (await isKnown(spool, saved.data)) ? saved.data : await beforeStart(deps);
      written = saved.success ? saved.data : 0;
      unsubscribe = spool.onChange(wake);
      wake();
    },
    wake,
    async stop() {
      isStopped = true;
      unsubscribe();
      rest.resolve();
      saving?.cancel();
      saving = null;
      await telling;
      await save();
    },
  };
}

/** The newest event stays in the table whatever its age; a table without it is a new one that counts from the start. */
async function isKnown(spool: EventFeedDeps['spool'], seq: number): Promise<boolean> {
  return seq === 0 || (await spool.events(seq - 1, 1)).length > 0;
}

async function beforeStart({ spool, startedAt }: EventFeedDeps): Promise<number> {
  let cursor = 0;
  for (;;) {
    const batch = await spool.events(cursor, LIMITS.reportEventSkipMax);
    const first = batch.find(({ ts }) => ts >= startedAt);
    if (first !== undefined) return first.seq - 1;
    const last = batch.at(-1);
    if (last === undefined) return cursor;
    cursor = last.seq;
  }
}

/**
 * The spool as the other rooms see it: every accepted message, in SQLite, behind a thread of its own.
 *
 * States on the disk: queued, deferred, held, delivered, failed, cancelled. `sending` is a claim in the thread's
 * memory (claims.ts). What a caller awaits here is durable when the promise resolves.
 */
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { MessageId } from '../core/message.ts';
import { createBodyStream } from './body-stream.ts';
import { factText } from './fact-table.ts';
import { removeDatabase } from './files.ts';
import { FIRST_STEP } from './housekeeping.ts';
import type { HousekeepingCursor, OpenedBody, SpoolBounds, SpoolCalls, SpoolWorkerData } from './protocol.ts';
import { createReceipt } from './receipt.ts';
import type { SpoolSettings } from './settings.ts';
import { STORAGE, type StorageLayout } from './storage.ts';
import type { MessageFilter, MessageSummary, OperatorAction, Page, Spool, SpoolInspection } from './types.ts';
import { createWorkerClient, type WorkerClient } from './worker-client.ts';

export interface SpoolDeps {
  clock: Clock;
  log: Log;
  settings: SpoolSettings;
  /** The data folder; the database is `spool.db` in it. */
  directory: string;
  /** The box key, 32 bytes. */
  key: Buffer;
  /** Path of an unpacked better-sqlite3 addon; null where the package's own is used. */
  nativeBinding: string | null;
  /** Starts a thread that calls `runSpoolWorker` with this data. */
  startWorker(data: SpoolWorkerData): Worker;
  /** The thread ended by itself: the agent must end and be started again. */
  onFatal(error: Error): void;
  /** Another layout than the measured one, for measuring. */
  layout?: StorageLayout;
}

/** Name of the database in the data folder. */
export const SPOOL_FILE = 'spool.db';

/** Makes the spool; nothing is opened before `start`. */
export function createSpool(deps: SpoolDeps): Spool {
  const { clock, log, settings } = deps;
  const layout = deps.layout ?? STORAGE;
  const listeners = new Set<() => void>();
  const client = createWorkerClient({
    clock,
    log,
    data: workerData(deps, layout),
    startWorker: deps.startWorker,
    onChanged: () => {
      for (const listener of [...listeners]) listener();
    },
    onFatal(error) {
      log.error('spool.thread-ended', { error: describeError(error) });
      deps.onFatal(error);
    },
  });
  const housekeeping = createHousekeeping(client, { clock, log });
  /** Small bodies that came with their claims, until they are read or the claim ends. */
  const claimedBodies = new Map<MessageId, OpenedBody>();
  /** Of the bodies. Each is used once, even where its body was given up: a late chunk can't reach another one. */
  let lastNumber = 0;

  return {
    async start() {
      client.start();
      try {
        const started = await client.call('start', null);
        lastNumber = started.highestNumber;
        housekeeping.start();
        return started;
      } catch (error) {
        await client.end();
        throw error;
      }
    },
    async stop() {
      await housekeeping.stop();
      claimedBodies.clear();
      await client.end();
    },
    async configure(next) {
      await client.call('configure', boundsOf(next));
    },
    async receive(options = { isHeld: false }) {
      lastNumber += 1;
      return createReceipt(client, { number: lastNumber, options, chunkBytes: layout.chunkBytes });
    },
    async claimDue(now, filter, limit) {
      const request = { filter, limit: bounded(limit), dueAt: Math.floor(now) };
      const claimed = await client.call('claimDue', request);
      for (const { claim, body } of claimed) if (body !== null) claimedBodies.set(claim.head.id, body);
      return claimed.map(({ claim }) => claim);
    },
    nextDueAt: (filter) => client.call('nextDueAt', { filter }),
    async openBody(id) {
      const body = claimedBodies.get(id) ?? (await client.call('openBody', { id }));
      claimedBodies.delete(id);
      return createBodyStream(client, id, body);
    },
    async settle(settlement) {
      claimedBodies.delete(settlement.messageId);
      await client.call('settle', settlement);
    },
    async unclaim(id) {
      claimedBodies.delete(id);
      await client.call('unclaim', { id });
    },
    async noteFinalDot(dot) {
      await client.call('noteFinalDot', dot);
    },
    finalDots: () => client.call('finalDots', null),
    async forgetFinalDot(id) {
      await client.call('forgetFinalDot', { id });
    },
    list: (filter, page) => listInLooks(client, filter, { ...page, limit: bounded(page.limit) }),
    show: (id) => client.call('show', { id }),
    act: (action, filter, by) => actInBatches(client, { action, filter, by }),
    stats: () => client.call('stats', null),
    waiting: (limit) => client.call('waiting', { limit: bounded(limit) }),
    inspect: () => inspectAll(client),
    async record(event) {
      await client.call('record', event);
    },
    events: (afterSeq, limit) => client.call('events', { afterSeq, limit: bounded(limit) }),
    latestEvents: (limit) => client.call('latestEvents', { limit: bounded(limit) }),
    troubles: (afterSeq, limit) => client.call('troubles', { afterSeq, limit: bounded(limit) }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async getFacts(room) {
      const facts = await client.call('getFacts', { room });
      return new Map(facts.map(([key, json]): [string, unknown] => [key, JSON.parse(json)]));
    },
    async copy(file, { messages }) {
      try {
        await client.call('copy', { file, messages });
      } catch (error) {
        removeDatabase(file);
        throw error;
      }
    },
    async putFact(room, key, value) {
      await client.call('putFact', { room, key, json: factText(room, key, value) });
    },
    async deleteFact(room, key) {
      await client.call('deleteFact', { room, key });
    },
  };

  function workerData({ directory, key, nativeBinding }: SpoolDeps, chosen: StorageLayout): SpoolWorkerData {
    return {
      role: 'spool',
      file: path.join(directory, SPOOL_FILE),
      key,
      nativeBinding,
      layout: chosen,
      ...boundsOf(settings),
    };
  }
}

function boundsOf({
  maxBytes,
  minFreeBytes,
  historyDays,
  failedKeepDays,
  encrypt,
}: SpoolSettings): SpoolBounds {
  return { maxBytes, minFreeBytes, historyDays, failedKeepDays, encrypt };
}

function bounded(limit: number): number {
  return Math.max(0, Math.min(Math.floor(limit), LIMITS.spoolAnswerRowsMax));
}

/** Between two looks others get their turn: a search through a long history must keep nobody's 250 waiting. */
async function listInLooks(
  client: WorkerClient,
  filter: MessageFilter,
  page: Page,
): Promise<MessageSummary[]> {
  const found: MessageSummary[] = [];
  let before = page.before;
  do {
    const rest = { limit: page.limit - found.length, before };
    const look: SpoolCalls['list']['result'] = await client.call('list', { filter, page: rest });
    found.push(...look.messages);
    before = look.before;
  } while (before !== null && found.length < page.limit);
  return found;
}

async function inspectAll(client: WorkerClient): Promise<SpoolInspection> {
  let table: number | null = 0;
  let latest: SpoolCalls['inspect']['result'] | null = null;
  while (table !== null && (latest === null || latest.trouble === null)) {
    latest = await client.call('inspect', { table });
    table = latest.next;
  }
  const { synchronous = 0, journalMode = '', trouble = null } = latest ?? {};
  return { synchronous, journalMode, trouble };
}

async function actInBatches(
  client: WorkerClient,
  request: { action: OperatorAction; filter: MessageFilter; by: string },
): Promise<{ changed: number; skipped: number }> {
  const total = { changed: 0, skipped: 0 };
  let before: string | null = null;
  do {
    const batch: { changed: number; skipped: number; before: string | null } = await client.call('act', {
      ...request,
      before,
    });
    total.changed += batch.changed;
    total.skipped += batch.skipped;
    before = batch.before;
  } while (before !== null);
  return total;
}

interface Housekeeping {
  start(): void;
  /** Resolves when the slice under way is over. */
  stop(): Promise<void>;
}

/** A round at the start and then every hour. */
function createHousekeeping(client: WorkerClient, { clock, log }: { clock: Clock; log: Log }): Housekeeping {
  let timer: Timer | null = null;
  let round: Promise<void> = Promise.resolve();
  let isStopped = false;

  async function run(): Promise<void> {
    let cursor: HousekeepingCursor | null = FIRST_STEP;
    while (cursor !== null && !isStopped) cursor = await client.call('housekeep', cursor);
  }

  function begin(): void {
    round = run()
      .catch((error: unknown) => {
        // The next round does what this one could not.
        if (!isStopped) log.warn('spool.housekeeping-failed', { error: describeError(error) });
      })
      .then(() => {
        if (!isStopped) timer = clock.schedule(LIMITS.spoolHousekeepingMs, begin);
      });
  }

  return {
    start() {
      isStopped = false;
      begin();
    },
    async stop() {
      isStopped = true;
      timer?.cancel();
      await round;
    },
  };
}

/**
 * The spool as its own thread runs it: one executor per call, over one connection and one shared transaction.
 *
 * Reads that concern unfinished business go through the group commit, so nobody acts on what is not yet durable.
 * Claims don't wait for it, or a commit that waits for company would keep connections idle: they pass over what the
 * open transaction makes due. Bodies are read directly, because only accepted ones are asked for.
 */
import { createSystemClock } from '../core/clock.ts';
import { DAY_MS } from '../core/durations.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { actOn } from './act.ts';
import { openBody, readChunk, smallBody } from './body-read.ts';
import { type Claims, claimDue, FIRST_TURN, nextDueAt } from './claims.ts';
import { createConnection, readBack } from './connection.ts';
import { copyDatabase, copyFacts } from './copy.ts';
import { rewriteVersion } from './database.ts';
import { createDiskSpace } from './disk-space.ts';
import type { DueRow } from './due-table.ts';
import { removeDamagedBefore } from './files.ts';
import { createFinalDots } from './final-dots.ts';
import { createGroupCommit } from './group-commit.ts';
import { keepHouse } from './housekeeping.ts';
import { inspectTable } from './inspect.ts';
import { ownerOf } from './numbers.ts';
import { createOpenBodies } from './open-bodies.ts';
import { isDamage, refusal, refusalFor } from './problems.ts';
import type { Executors, SpoolAnswer, SpoolBounds, SpoolRequest, SpoolWorkerData } from './protocol.ts';
import { createReceiving } from './receiving.ts';
import type { SalvageReport } from './salvage.ts';
import { settleMessage } from './settle.ts';
import { listMessages, showMessage } from './show.ts';
import { statsOf } from './stats.ts';
import type { Store } from './store.ts';
import { createSweeper } from './sweeper.ts';
import { type FinalDot, SpoolRefusal, type SpoolStats, type WaitingRecipient } from './types.ts';

export interface Engine {
  handle(request: SpoolRequest): Promise<unknown>;
}

/** Makes the engine; the file is opened by the call `start`. */
export function createEngine(data: SpoolWorkerData, tell: (answer: SpoolAnswer) => void): Engine {
  const claims: Claims = new Map();
  const turn = { ...FIRST_TURN };
  /** Messages that the open transaction makes due: nobody sends what a crash would still take back. */
  const fresh = new Set<number>();
  const bodies = createOpenBodies();
  const { maxBytes, minFreeBytes, historyDays, failedKeepDays, encrypt } = data;
  const bounds: SpoolBounds = { maxBytes, minFreeBytes, historyDays, failedKeepDays, encrypt };
  const space = createDiskSpace(data.file, bounds);
  let hasNews = false;
  /**
   * Whether the latest commit of something new succeeded. Until one has, whoever claims waits for the commit that is
   * pending: on a full disk one message goes whose outcome can't be recorded, not one for each connection.
   */
  let isProven = false;
  let salvaged: SalvageReport | null = null;
  let latestNow = 0;
  let copiesUnderWay = 0;
  /** What the latest write failed of; null once one has succeeded. */
  let failure: SpoolRefusal | null = null;

  const connection = createConnection({
    database: { file: data.file, nativeBinding: data.nativeBinding, layout: data.layout },
    boxKey: Buffer.from(data.key),
    onEvent: () => {
      hasNews = true;
    },
    onSalvaged(report) {
      salvaged = report;
      bodies.failed(refusal('disk-error', new Error('the spool file was replaced')), { all: true });
      const { damagedFile, messages, lost } = report;
      tell({ kind: 'log', level: 'error', event: 'spool.salvaged', fields: { damagedFile, messages, lost } });
    },
  });

  /** What earlier runs have noted. */
  let leftDots: FinalDot[] = [];
  const finalDots = createFinalDots({
    file: data.file,
    onFailure(error) {
      const fields = { error: describeError(error) };
      tell({ kind: 'log', level: 'error', event: 'spool.final-dots-failed', fields });
    },
  });

  /** At run time a file that can't be opened is a passing fault: the next call tries again. */
  const store = (): Store => {
    try {
      return connection.store(latestNow);
    } catch (error) {
      throw refusalFor(error instanceof OperatorError ? error.cause : error);
    }
  };

  function hasWritten(): void {
    if (failure === null) return;
    failure = null;
    tell({ kind: 'log', level: 'info', event: 'spool.writes-again', fields: {} });
  }

  const group = createGroupCommit({
    clock: createSystemClock(0),
    connection: () => store().db,
    onUndone: () => connection.reload(),
    // Each message being sent will be settled.
    expected: () => (isProven ? claims.size : 0),
    beforeCommit: () => sweeper.sweep(),
    onCommitted() {
      fresh.clear();
      bodies.committed();
      sweeper.committed();
      // An event is a row more. Another commit may have changed nothing, and proves nothing.
      if (hasNews) isProven = true;
      if (hasNews) hasWritten();
      if (hasNews) tell({ kind: 'changed' });
      hasNews = false;
    },
    onFailure(error) {
      fresh.clear();
      hasNews = false;
      isProven = false;
      failure = refusalFor(error);
      bodies.failed(failure, { all: false });
      connection.giveUp({ damage: isDamage(error) });
      const fields = { error: describeError(error) };
      tell({ kind: 'log', level: 'error', event: 'spool.disk-failed', fields });
    },
  });

  /** Whoever asks after a failure is told how it is now: there may have been no message since. */
  async function tryToWrite(): Promise<void> {
    try {
      await group.durable(() => rewriteVersion(store().db));
      hasWritten();
    } catch (error) {
      // Still failing, which has been logged and is part of the answer.
      if (!(error instanceof SpoolRefusal)) throw error;
    }
  }

  /** Not while bodies come in or are being removed, both of which are listed, or a copy is made; the next round tries again. */
  function compact(): void {
    if (copiesUnderWay > 0) return;
    group.flush();
    group.peek(() => {
      if (store().bodies.listed().length === 0) connection.compact(space.freeBytes());
    });
  }

  function stats(now: number): SpoolStats {
    const reason = space.refuses(store(), 0, now);
    const facts = { freeBytes: space.freeBytes(), refusal: reason === null ? failure : refusal(reason) };
    return statsOf(store(), claims, { ...bounds, ...facts });
  }

  const sweeper = createSweeper({ store, group, isOpen: (number) => bodies.isOpen(number) });

  async function lookForDue<T>(work: () => T): Promise<T> {
    return isProven ? group.peek(work) : group.read(work);
  }

  const executors: Executors = {
    async start(_args, now) {
      // Unlike later, a start that fails says why and ends.
      const opened = connection.store(now);
      leftDots = finalDots.read();
      sweeper.wake();
      return {
        ...readBack(opened.db),
        pending: opened.counters.recipients.queued + opened.counters.recipients.deferred,
        latestEventAt: opened.events.latestAt(),
        highestNumber: opened.messages.highestNumber(),
        salvaged,
      };
    },
    async close() {
      group.flush();
      connection.giveUp({ damage: false });
      finalDots.close();
      return null;
    },
    async configure(next) {
      Object.assign(bounds, next);
      return null;
    },
    ...createReceiving({ store, group, bodies, sweeper, space, fresh, bounds }),
    async openBody({ id }) {
      return group.peek(() => openBody(store(), id));
    },
    async readChunk({ number, index }) {
      return group.peek(() => readChunk(store(), { number, index }));
    },
    claimDue: (request) =>
      lookForDue(() => {
        const claimed = claimDue(store(), { claims, fresh, turn }, request);
        return claimed.map(({ claim, body }) => ({ claim, body: smallBody(store(), body) }));
      }),
    nextDueAt: ({ filter }) => lookForDue(() => nextDueAt(store(), { claims, fresh }, filter)),
    async settle(settlement, now) {
      const isKnown = await group.durable(
        () => settleMessage(store(), settlement, now),
        () => {
          claims.delete(settlement.messageId);
          finalDots.remove(settlement.messageId);
        },
      );
      sweeper.wake();
      if (!isKnown) {
        const fields = { message: settlement.messageId };
        tell({ kind: 'log', level: 'error', event: 'spool.settlement-without-message', fields });
      }
      return null;
    },
    async unclaim({ id }) {
      claims.delete(id);
      // Unlike after a settlement nothing else tells the next start that there is nothing to it.
      if (finalDots.remove(id)) await finalDots.flushed();
      tell({ kind: 'changed' });
      return null;
    },
    async noteFinalDot(dot) {
      await finalDots.add(dot);
      return null;
    },
    async finalDots() {
      return leftDots;
    },
    async forgetFinalDot({ id }) {
      finalDots.remove(id);
      return null;
    },
    list: ({ filter, page }) => group.read(() => listMessages(store(), claims, filter, page)),
    show: ({ id }) => group.read(() => showMessage(store(), claims, id)),
    async act(request, now) {
      const result = await group.durable(() => actOn(store(), { claims, fresh }, { ...request, now }));
      sweeper.wake();
      return result;
    },
    async stats(_args, now) {
      if (failure !== null) await tryToWrite();
      return group.read(() => stats(now));
    },
    inspect: ({ table }) => group.read(() => inspectTable(store().db, table)),
    waiting: ({ limit }) => group.read(() => store().due.waiting(limit).map(toWaiting)),
    async record(event, now) {
      await group.durable(() => store().events.append(now, event));
      return null;
    },
    events: ({ afterSeq, limit }) => group.read(() => store().events.after(afterSeq, limit)),
    latestEvents: ({ limit }) => group.read(() => store().events.latest(limit)),
    troubles: ({ afterSeq, limit }) => group.read(() => store().events.troublesAfter(afterSeq, limit)),
    getFacts: ({ room }) => group.read(() => store().facts.ofRoom(room)),
    async putFact({ room, key, json }) {
      await group.durable(() => store().facts.put(room, key, json));
      return null;
    },
    async deleteFact({ room, key }) {
      await group.durable(() => store().facts.remove(room, key));
      return null;
    },
    async copy({ file, messages }) {
      copiesUnderWay += 1;
      try {
        if (messages) await copyDatabase(store().db, group, file);
        else await group.read(() => copyFacts(store().db, { ...data, file }));
      } finally {
        copiesUnderWay -= 1;
      }
      return null;
    },
    async housekeep(cursor, now) {
      const next = await group.durable(() => keepHouse(store(), bounds, cursor, now));
      if (next === null) {
        removeDamagedBefore(data.file, now - data.failedKeepDays * DAY_MS);
        compact();
      }
      sweeper.wake();
      return next;
    },
  };

  return {
    handle(request) {
      latestNow = request.now;
      // The type of a request ties its arguments to its operation; TypeScript can't follow that through an index.
      const execute = executors[request.operation] as (args: unknown, now: number) => Promise<unknown>;
      return execute(request.args, request.now);
    },
  };
}

function toWaiting({ id, device, domain, nextAttemptAt }: DueRow): WaitingRecipient {
  return { id, message: ownerOf(id), device, domain, nextAttemptAt };
}

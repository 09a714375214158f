/**
 * Attempts that an earlier run had under way between the final dot and its answer when it ended without a word (a power
 * cut, a killed process): recorded as uncertain, and sent again.
 */
import type { Clock } from '../core/clock.ts';
import { describeError, type Log } from '../core/log.ts';
import {
  type AttemptRecord,
  type FinalDot,
  type MessageDetail,
  type RecipientStatus,
  type Settlement,
  type Spool,
  UnfitSettlement,
} from '../spool/types.ts';
import type { ClockWatch } from './clock-watch.ts';
import { explain } from './explanations.ts';
import type { Keeper } from './keeper.ts';
import { retryDelayMs, waitWithinAge } from './schedule.ts';

export interface Unanswered {
  /**
   * Records them, once per run of the agent; nothing may be claimed before. What the spool refuses stays with the keeper,
   * and while that is so nothing is claimed either.
   */
  record(): Promise<void>;
}

export interface UnansweredDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  keeper: Keeper;
  watch: ClockWatch;
  /** Read anew at each use: a reload may change it. */
  age: { readonly maxAgeMs: number };
  random(): number;
}

/** Reads nothing before the first `record`. */
export function createUnanswered(deps: UnansweredDeps): Unanswered {
  const { clock, log, spool, keeper } = deps;
  let isDone = false;

  async function recordOne(dot: FinalDot): Promise<void> {
    try {
      await settleOne(dot);
    } catch (error) {
      // An operator has changed somebody in it at this moment: the others are told all the same.
      if (!(error instanceof UnfitSettlement)) throw error;
      await settleOne(dot);
    }
  }

  async function settleOne(dot: FinalDot): Promise<void> {
    const { messageId: message, routeId: route } = dot;
    const detail = await spool.show(message);
    const waiting = detail === null ? [] : waitingOf(dot, detail);
    if (detail === null || waiting.length === 0) return spool.forgetFinalDot(message);
    log.warn('dispatch.unanswered', { message, route, recipients: waiting.length });
    await spool.settle(settlementFor(dot, detail, waiting));
  }

  function settlementFor(
    { messageId, routeId, upstream, startedAt, dotAt }: FinalDot,
    { head }: MessageDetail,
    waiting: readonly RecipientStatus[],
  ): Settlement {
    const { code, cause } = explain('message.answer-missed');
    const ageMs = deps.watch.ageMs(head.receivedAt);
    // Nothing was wrong with the way. But a box that stops each time must not send the message at each start.
    const waitMs = (tries: number) => {
      const delayMs = tries === 0 ? 0 : retryDelayMs(tries, null, deps.random());
      return waitWithinAge(delayMs, ageMs, deps.age.maxAgeMs) ?? delayMs;
    };
    return {
      messageId,
      attempt: { routeId, startedAt, endedAt: dotAt, upstream },
      recipients: waiting.map(({ id, tries }) => ({
        ...{ recipientId: id, state: 'deferred', spendTry: true, code, cause, reply: null, uncertain: true },
        nextAttemptAt: clock.now() + waitMs(tries),
      })),
    };
  }

  return {
    async record() {
      if (isDone) return;
      const recordings = (await spool.finalDots()).map((dot) => {
        const what = { write: 'unanswered', message: dot.messageId };
        return keeper
          .tryThenEnqueue(what, () => recordOne(dot))
          .catch((error: unknown) => {
            // A row that is damaged keeps nobody else waiting.
            log.error('dispatch.unanswered-failed', { message: dot.messageId, error: describeError(error) });
          });
      });
      await Promise.all(recordings);
      isDone = true;
    },
  };
}

/** Those of the note that are still to be sent; none where it has outlived its settlement. */
function waitingOf(dot: FinalDot, { attempts, recipients }: MessageDetail): RecipientStatus[] {
  if (attempts.some((attempt) => isOf(dot, attempt))) return [];
  const noted = new Set(dot.recipientIds);
  return recipients.filter(({ id, state }) => noted.has(id) && (state === 'queued' || state === 'deferred'));
}

/** Times of one attempt are counted from its start, whatever became of the wall clock meanwhile; the table rounds them. */
function isOf(dot: FinalDot, { routeId, startedAt, endedAt }: AttemptRecord): boolean {
  const isSameStart = routeId === dot.routeId && startedAt === Math.round(dot.startedAt);
  return isSameStart && endedAt >= Math.floor(dot.dotAt);
}

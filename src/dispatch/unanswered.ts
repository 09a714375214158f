/**
 * Attempts that an earlier run had under way between the final dot and its answer when it ended without a word (a power
 * cut, a killed process): recorded as uncertain, and sent again.
 */
import type { Log } from '../core/log.ts';
import type { FinalDot, MessageDetail, RecipientStatus, Settlement } from '../spool/types.ts';
import { explain } from './explanations.ts';
import { retryDelayMs, waitWithinAge } from './schedule.ts';
import type { UpkeepDeps } from './upkeep.ts';

export interface UnansweredDeps extends UpkeepDeps {
  /** Wall clock. */
  now: number;
  log: Log;
  random(): number;
}

/** Records what `dot` tells and nothing else does; with a spool that refuses, as soon as it takes it. */
export async function recordUnanswered(dot: FinalDot, deps: UnansweredDeps): Promise<void> {
  const { messageId: message, routeId: route } = dot;
  // A message of which this run knows more.
  if (deps.isUnderWay(message)) return;
  const detail = await deps.spool.show(message);
  const waiting = detail === null ? [] : waitingOf(dot, detail);
  if (detail === null || waiting.length === 0) return deps.spool.forgetFinalDot(message);
  deps.log.warn('dispatch.unanswered', { message, route, recipients: waiting.length });
  const settlement = settlementFor(dot, detail, waiting, deps);
  await deps.keeper.tryThenEnqueue({ write: 'unanswered', message }, () => deps.spool.settle(settlement));
}

/** Those of the envelope that are still to be sent; none where the note has outlived its settlement. */
function waitingOf(
  { recipientIds, dotAt }: FinalDot,
  { attempts, recipients }: MessageDetail,
): RecipientStatus[] {
  if (attempts.some(({ endedAt }) => endedAt >= Math.floor(dotAt))) return [];
  const envelope = new Set(recipientIds);
  return recipients.filter(
    ({ id, state }) => envelope.has(id) && (state === 'queued' || state === 'deferred'),
  );
}

function settlementFor(
  { messageId, routeId, upstream, startedAt, dotAt }: FinalDot,
  { head }: MessageDetail,
  waiting: readonly RecipientStatus[],
  { now, watch, age, random }: UnansweredDeps,
): Settlement {
  const { code, cause } = explain('message.answer-missed');
  const ageMs = watch.ageMs(head.receivedAt);
  // Nothing was wrong with the way. But a box that stops each time must not send the message at each start.
  const delayMs = (tries: number) => (tries === 0 ? 0 : retryDelayMs(tries, null, random()));
  return {
    messageId,
    attempt: { routeId, startedAt, endedAt: dotAt, upstream },
    recipients: waiting.map(({ id, tries }) => ({
      ...{ recipientId: id, state: 'deferred', spendTry: true, code, cause, reply: null, uncertain: true },
      nextAttemptAt: now + (waitWithinAge(delayMs(tries), ageMs, age.maxAgeMs) ?? 0),
    })),
  };
}

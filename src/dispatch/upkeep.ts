/** Work beside the deliveries: messages that grew too old while waiting, times that a wrong clock left behind. */
import { LIMITS } from '../core/limits.ts';
import type { MessageId } from '../core/message.ts';
import type {
  Claim,
  ClaimFilter,
  MessageFilter,
  MessageSummary,
  RecipientSettlement,
  RecipientStatus,
  Spool,
} from '../spool/types.ts';
import type { ClockWatch } from './clock-watch.ts';
import { giveBack, settleClaim } from './delivery.ts';
import { explain } from './explanations.ts';
import type { Keeper } from './keeper.ts';
import { tooOld } from './settlement.ts';

const PAGE = 200;
const EVERYTHING: ClaimFilter = { kind: 'all' };

export interface UpkeepDeps {
  spool: Spool;
  keeper: Keeper;
  watch: ClockWatch;
  /** Read anew at each use: a reload may change it. */
  age: { readonly maxAgeMs: number };
  /** The sentence for a recipient whose route can't take it now, or null when it can be tried. */
  whyWaiting(address: string): string | null;
  isUnderWay(id: MessageId): boolean;
  isStopping(): boolean;
}

/**
 * Sets recipients to failed that are too old and wait for a route; what can be tried is left to get its last try.
 * The search costs claims in memory and no write; it is made only when the oldest message is too old.
 */
export async function failAged(now: number, deps: UpkeepDeps): Promise<void> {
  const { oldestPendingAt } = await deps.spool.stats();
  if (oldestPendingAt === null || deps.watch.ageMs(oldestPendingAt) < deps.age.maxAgeMs) return;
  const claims: Claim[] = [];
  try {
    while (claims.length < LIMITS.agedSweepMessagesMax && !deps.isStopping()) {
      const page = await deps.spool.claimDue(now, EVERYTHING, PAGE);
      claims.push(...page);
      if (page.length < PAGE) break;
    }
  } finally {
    for (const claim of claims) await failOrGiveBack(claim, deps);
  }
}

async function failOrGiveBack(claim: Claim, deps: UpkeepDeps): Promise<void> {
  const messageId = claim.head.id;
  const isAged = deps.watch.ageMs(claim.head.receivedAt) >= deps.age.maxAgeMs;
  const recipients = claim.recipients.flatMap(({ id, address }) => {
    const cause = isAged ? deps.whyWaiting(address) : null;
    return cause === null ? [] : [tooOld(id, deps.age.maxAgeMs, { cause, reply: null })];
  });
  if (recipients.length > 0) {
    // Ends the claim: whoever is not in it is due again.
    await settleClaim({ messageId, attempt: null, recipients }, deps);
  } else {
    await giveBack(messageId, deps);
  }
}

/**
 * Makes due at once what is scheduled later than any wait could put it: it was scheduled by a clock that was ahead,
 * and would be stranded. Messages under way are left alone, because a settlement would end their claim.
 * @returns recipients freed, and whether a message under way was passed over.
 */
export async function freeStranded(
  now: number,
  deps: UpkeepDeps,
): Promise<{ freed: number; isDone: boolean }> {
  const filter: MessageFilter = { states: ['queued', 'deferred'] };
  const result = { freed: 0, isDone: true };
  let before: MessageId | null = null;
  for (;;) {
    const page: MessageSummary[] = await deps.spool.list(filter, { limit: PAGE, before });
    for (const message of page) {
      const stranded = message.recipients.filter((recipient) => isStranded(recipient, now));
      if (stranded.length === 0) continue;
      if (deps.isUnderWay(message.head.id)) result.isDone = false;
      else result.freed += await makeDue(message, stranded, { now, spool: deps.spool });
    }
    before = page.at(-1)?.head.id ?? null;
    if (page.length < PAGE) return result;
  }
}

async function makeDue(
  { head }: MessageSummary,
  stranded: readonly RecipientStatus[],
  { now, spool }: { now: number; spool: Spool },
): Promise<number> {
  const recipients = stranded.map(({ id }) => dueNow(id, now));
  await spool.settle({ messageId: head.id, attempt: null, recipients });
  return recipients.length;
}

function isStranded({ state, nextAttemptAt }: RecipientStatus, now: number): boolean {
  const isScheduled = state === 'queued' || state === 'deferred';
  return isScheduled && nextAttemptAt !== null && nextAttemptAt > now + LIMITS.retryDelayMaxMs;
}

function dueNow(recipientId: number, now: number): RecipientSettlement {
  const { code, cause } = explain('clock.was-ahead');
  const spent = { spendTry: false, uncertain: false, reply: null };
  return { recipientId, state: 'deferred', nextAttemptAt: now, code, cause, ...spent };
}

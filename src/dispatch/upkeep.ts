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
import { explain } from './explanations.ts';
import type { Keeper } from './keeper.ts';
import { tooOld } from './settlement.ts';

const PAGE = 200;
const EVERYTHING: ClaimFilter = { kind: 'all' };

export interface UpkeepDeps {
  spool: Spool;
  keeper: Keeper;
  watch: ClockWatch;
  maxAgeMs: number;
  /** The sentence for a recipient whose route can't take it now, or null when it can be tried. */
  whyWaiting(address: string): string | null;
  isStopping(): boolean;
}

/**
 * Sets recipients to failed that are too old and wait for a route; what can be tried is left to get its last try.
 * The search costs claims in memory and no write; it is made only when the oldest message is too old.
 */
export async function failAged(now: number, deps: UpkeepDeps): Promise<void> {
  const { oldestPendingAt } = await deps.spool.stats();
  if (oldestPendingAt === null || deps.watch.ageMs(oldestPendingAt) < deps.maxAgeMs) return;
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
  const isAged = deps.watch.ageMs(claim.head.receivedAt) >= deps.maxAgeMs;
  const recipients = claim.recipients.flatMap(({ id, address }) => {
    const cause = isAged ? deps.whyWaiting(address) : null;
    return cause === null ? [] : [tooOld(id, deps.maxAgeMs, { cause, reply: null })];
  });
  if (recipients.length > 0) {
    await deps.keeper.keep({ write: 'settle', message: messageId }, () =>
      deps.spool.settle({ messageId, attempt: null, recipients }),
    );
  }
  if (recipients.length === claim.recipients.length) return;
  await deps.keeper.keep({ write: 'unclaim', message: messageId }, () => deps.spool.unclaim(messageId));
}

/**
 * Makes due at once what is scheduled later than any wait could put it: it was scheduled by a clock that was ahead,
 * and would be stranded. Nothing of that is due, so nothing of it is claimed by anyone. Resolves with the number of
 * recipients freed.
 */
export async function freeStranded(now: number, spool: Spool): Promise<number> {
  const filter: MessageFilter = { states: ['queued', 'deferred'] };
  let freed = 0;
  let before: MessageId | null = null;
  for (;;) {
    const page: MessageSummary[] = await spool.list(filter, { limit: PAGE, before });
    for (const message of page) freed += await freeMessage(message, now, spool);
    before = page.at(-1)?.head.id ?? null;
    if (page.length < PAGE) return freed;
  }
}

async function freeMessage(message: MessageSummary, now: number, spool: Spool): Promise<number> {
  const recipients = message.recipients.filter((recipient) => isStranded(recipient, now));
  if (recipients.length === 0) return 0;
  await spool.settle({
    messageId: message.head.id,
    attempt: null,
    recipients: recipients.map(({ id }) => dueNow(id, now)),
  });
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

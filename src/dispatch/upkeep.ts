/** Work beside the deliveries: messages that grew too old while waiting, times that a wrong clock left behind. */
import { LIMITS } from '../core/limits.ts';
import type { MessageId } from '../core/message.ts';
import type { Claim, ClaimFilter, MessageFilter, MessageSummary, Spool } from '../spool/types.ts';
import type { ClockWatch } from './clock-watch.ts';
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
 * and would be stranded. Resolves with the number of recipients freed.
 */
export async function freeStranded(now: number, spool: Spool): Promise<number> {
  const filter: MessageFilter = { states: ['deferred'] };
  let freed = 0;
  let before: MessageId | null = null;
  for (;;) {
    const page: MessageSummary[] = await spool.list(filter, { limit: PAGE, before });
    const ids = page.filter((message) => isStranded(message, now)).map((message) => message.head.id);
    if (ids.length > 0) freed += (await spool.act('retry', { ...filter, ids }, 'clock')).changed;
    before = page.at(-1)?.head.id ?? null;
    if (page.length < PAGE) return freed;
  }
}

function isStranded(message: MessageSummary, now: number): boolean {
  return message.recipients.some(
    ({ state, nextAttemptAt }) =>
      state === 'deferred' && nextAttemptAt !== null && nextAttemptAt > now + LIMITS.retryDelayMaxMs,
  );
}

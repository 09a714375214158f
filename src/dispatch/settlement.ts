/** What an attempt means for each recipient's record: pure. */
import { assertNever } from '../core/assert.ts';
import { LIMITS } from '../core/limits.ts';
import type { DeliveryReport, RecipientOutcome } from '../core/outcome.ts';
import type { Claim, RecipientSettlement, Settlement } from '../spool/types.ts';
import { explain } from './explanations.ts';
import { retryDelayMs, waitWithinAge } from './schedule.ts';

export type ClaimedRecipient = Claim['recipients'][number];

export interface SettleContext {
  routeId: string;
  /** Wall clock. */
  now: number;
  ageMs: number;
  maxAgeMs: number;
  random(): number;
  /** False after a fault or a stop: recipients without an answer are then untouched. */
  answersOwed: boolean;
}

/** One settlement per recipient that got an answer; a missing one counts as `retry` where answers are owed. */
export function settlementsOf(
  recipients: readonly ClaimedRecipient[],
  report: DeliveryReport,
  context: SettleContext,
): RecipientSettlement[] {
  const outcomes = new Map<string, RecipientOutcome>();
  for (const { address, outcome } of report.results) outcomes.set(address, outcome);
  const settled: RecipientSettlement[] = [];
  for (const recipient of recipients) {
    const outcome =
      outcomes.get(recipient.address) ?? (context.answersOwed ? noAnswer(context.routeId) : null);
    if (outcome) settled.push(settle(recipient, outcome, context));
  }
  return settled;
}

/** What the history tells of those whom a fault of the way left as they were, the first of many; null where it left nobody. */
export function faultFor(
  recipients: readonly ClaimedRecipient[],
  settled: readonly RecipientSettlement[],
  { fault }: DeliveryReport,
): NonNullable<Settlement['attempt']>['fault'] | null {
  if (fault === null) return null;
  const done = new Set(settled.map(({ recipientId }) => recipientId));
  const recipientIds = recipients.map(({ id }) => id).filter((id) => !done.has(id));
  if (recipientIds.length === 0) return null;
  const { code, cause } = fault.why;
  const named = recipientIds.slice(0, LIMITS.faultRecipientsMax);
  return { recipientIds: named, code, cause, reply: fault.reply?.text ?? null };
}

/** The report of an attempt that ended in an exception: everybody is tried again. */
export function unexpectedReport(
  addresses: readonly string[],
  routeId: string,
  detail: string,
): DeliveryReport {
  const why = explain('dispatch.unexpected', { route: routeId, detail });
  const outcome: RecipientOutcome = { kind: 'retry', reply: null, why, uncertain: false, retryAfterMs: null };
  return { upstream: null, results: addresses.map((address) => ({ address, outcome })), fault: null };
}

/** A recipient whose message has grown too old; `trouble` is what stood in the way last. */
export function tooOld(
  recipientId: number,
  maxAgeMs: number,
  trouble: { cause: string; reply: string | null; uncertain?: boolean },
): RecipientSettlement {
  const { code, cause } = explain('message.too-old', { hours: maxAgeMs / 3_600_000, detail: trouble.cause });
  const { reply, uncertain = false } = trouble;
  return { recipientId, state: 'failed', code, cause, reply, uncertain };
}

function settle(
  recipient: ClaimedRecipient,
  outcome: RecipientOutcome,
  context: SettleContext,
): RecipientSettlement {
  const recipientId = recipient.id;
  switch (outcome.kind) {
    case 'delivered':
      return { recipientId, state: 'delivered', reply: outcome.reply.text };
    case 'rejected':
      return { recipientId, state: 'failed', ...troubleOf(outcome) };
    case 'hold':
      return { recipientId, state: 'held', ...troubleOf(outcome) };
    case 'retry':
      return settleRetry(recipient, outcome, context);
    default:
      return assertNever(outcome);
  }
}

function settleRetry(
  recipient: ClaimedRecipient,
  outcome: Extract<RecipientOutcome, { kind: 'retry' }>,
  context: SettleContext,
): RecipientSettlement {
  const trouble = troubleOf(outcome);
  if (outcome.split) return splitOff(recipient, trouble, context);
  const delayMs = retryDelayMs(recipient.tries + 1, outcome.retryAfterMs, context.random());
  const waitMs = waitWithinAge(delayMs, context.ageMs, context.maxAgeMs);
  const { uncertain } = outcome;
  if (waitMs === null) return tooOld(recipient.id, context.maxAgeMs, { ...trouble, uncertain });
  const nextAttemptAt = context.now + waitMs;
  return {
    recipientId: recipient.id,
    state: 'deferred',
    nextAttemptAt,
    spendTry: true,
    uncertain,
    ...trouble,
  };
}

/** Due at once: each envelope that is split gets smaller, so this ends. */
function splitOff(
  { id }: ClaimedRecipient,
  trouble: ReturnType<typeof troubleOf>,
  { now }: SettleContext,
): RecipientSettlement {
  const due = { nextAttemptAt: now, spendTry: false, uncertain: false };
  return { recipientId: id, state: 'deferred', ...due, ...trouble };
}

function troubleOf({ why, reply }: Exclude<RecipientOutcome, { kind: 'delivered' }>) {
  return { code: why.code, cause: why.cause, reply: reply?.text ?? null };
}

function noAnswer(routeId: string): RecipientOutcome {
  const why = explain('dispatch.no-answer', { route: routeId });
  return { kind: 'retry', reply: null, why, uncertain: false, retryAfterMs: null };
}

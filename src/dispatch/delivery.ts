/**
 * Carries out a plan: at most one attempt, and exactly one end of the claim.
 *
 * The claim ends by one settlement, after which the spool has the recipients that are not in it due again, or by
 * being given back (settleClaim names the one exception). So no recipient is settled twice, and a crash before the settlement leaves it queued on disk.
 */
import { assertNever } from '../core/assert.ts';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { MessageHead, MessageId } from '../core/message.ts';
import type { DeliveryReport, RecipientOutcome } from '../core/outcome.ts';
import type { OutgoingMessage } from '../routes/types.ts';
import {
  type Claim,
  type FinalDot,
  type RecipientSettlement,
  type Settlement,
  type Spool,
  SpoolRefusal,
} from '../spool/types.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { Holds } from './holds.ts';
import type { Keeper } from './keeper.ts';
import { hasDelivered, type Lane } from './lane.ts';
import type { Envelope, Plan } from './plan.ts';
import { faultFor, settlementsOf, unexpectedReport } from './settlement.ts';
import type { AttemptStart } from './types.ts';
import { endsWithin } from './wait.ts';

export interface DeliveryDeps {
  spool: Spool;
  clock: Clock;
  log: Log;
  keeper: Keeper;
  holds: Holds;
  watch: ClockWatch;
  /** Read anew at each use: a reload may change it. */
  age: { readonly maxAgeMs: number };
  random(): number;
  onAttempt(attempt: AttemptStart): void;
  /** Aborted at a stop. */
  signal: AbortSignal;
  /** An attempt is over and its connection free, while what became of it is still to be written. */
  onAttempted(): void;
}

type Refusal = Extract<RecipientOutcome, { kind: 'hold' }>;

/** Runs the plan to its end; never rejects for what a route or the spool did. */
export function carryOut(plan: Plan, deps: DeliveryDeps): Promise<void> {
  switch (plan.kind) {
    case 'attempt':
      return attempt(plan.envelope, plan.claim, deps);
    case 'settle':
      return endClaim({ messageId: plan.claim.head.id, attempt: null, recipients: plan.recipients }, deps);
    case 'wait':
      return giveBack(plan.claim.head.id, deps);
    default:
      return assertNever(plan);
  }
}

async function attempt(envelope: Envelope, claim: Claim, deps: DeliveryDeps): Promise<void> {
  const { lane, ticket, recipients } = envelope;
  const begunMs = deps.clock.monotonicMs();
  const messageId = claim.head.id;
  const addresses = recipients.map(({ address }) => address);
  deps.onAttempt({ messageId, routeId: lane.route.id, recipients: addresses });
  const elapsedMs = () => deps.clock.monotonicMs() - begunMs;
  let noted = null as FinalDot | null;
  let isOver = false;
  const message: OutgoingMessage = {
    head: claim.head,
    recipients: unique(addresses),
    openBody: () => deps.spool.openBody(messageId),
    async beforeFinalDot(upstream, taken) {
      // A stream may ask when its connection is cut already.
      if (isOver || deps.signal.aborted) return false;
      const dotAt = deps.clock.now();
      const left = new Set(taken);
      const recipientIds = recipients.filter(({ address }) => left.has(address)).map(({ id }) => id);
      // All were refused for certain.
      if (recipientIds.length === 0) return true;
      const about = { messageId, routeId: lane.route.id, upstream, recipientIds };
      noted = { ...about, startedAt: dotAt - elapsedMs(), dotAt };
      return noteFinalDot(noted, deps);
    },
  };
  const { report, isUsual } = await deliver(lane, message, deps);
  isOver = true;
  // A stop cuts attempts short, and a bug of ours says nothing about the way: neither may pause the route.
  lane.end(ticket, isUsual && !deps.signal.aborted ? report : null);
  const now = deps.clock.now();
  // A wall clock that was set meanwhile makes no attempt days long, nor end it before its start. By its start a note is
  // known to be settled.
  const startedAt = noted?.startedAt ?? now - elapsedMs();
  const endedAt = startedAt + elapsedMs();
  const settled = settlementsOf(recipients, report, {
    routeId: lane.route.id,
    now,
    ageMs: deps.watch.ageMs(claim.head.receivedAt),
    maxAgeMs: deps.age.maxAgeMs,
    random: deps.random,
    answersOwed: report.fault === null && !deps.signal.aborted,
  });
  const fault = deps.signal.aborted ? null : faultFor(recipients, settled, report);
  const tried = { routeId: lane.route.id, startedAt, endedAt, upstream: report.upstream };
  const settlement: Settlement = {
    messageId,
    attempt: fault ? { ...tried, fault } : tried,
    recipients: settled,
  };
  if (hasDelivered(report)) deps.holds.clear(lane.route.id, claim.head);
  const refusal = refusalIn(report);
  if (refusal !== null) await holdSender(lane.route.id, claim.head, refusal, deps);
  deps.onAttempted();
  await endClaim(settlement, deps);
}

/**
 * Whether the dot may leave. A disk that takes no note holds no scan back, which is logged; without the spool's thread nothing
 * could be recorded of what is sent.
 */
async function noteFinalDot(dot: FinalDot, { clock, log, spool }: DeliveryDeps): Promise<boolean> {
  let failure: unknown = null;
  const noting = spool.noteFinalDot(dot).catch((error: unknown) => {
    failure = error;
  });
  if (!(await endsWithin(clock, LIMITS.finalDotNoteMaxMs, noting))) failure = new Error('no answer in time');
  if (failure === null) return true;
  const goes = !(failure instanceof SpoolRefusal);
  const error = describeError(failure);
  log.error('dispatch.final-dot-not-noted', { message: dot.messageId, error, goes });
  return goes;
}

function unique(addresses: string[]): string[] {
  return addresses.length === 1 ? addresses : [...new Set(addresses)];
}

async function deliver(
  lane: Lane,
  message: OutgoingMessage,
  deps: DeliveryDeps,
): Promise<{ report: DeliveryReport; isUsual: boolean }> {
  try {
    return { report: await lane.route.deliver(message, deps.signal), isUsual: true };
  } catch (error) {
    const detail = describeError(error);
    deps.log.error('dispatch.unexpected', { message: message.head.id, route: lane.route.id, error: detail });
    return { report: unexpectedReport(message.recipients, lane.route.id, detail), isUsual: false };
  }
}

function refusalIn({ results }: DeliveryReport): Refusal | null {
  for (const { outcome } of results) if (outcome.kind === 'hold') return outcome;
  return null;
}

/** Before the settlement is written, so that no further message of a refused sender starts in between. */
async function holdSender(
  routeId: string,
  head: MessageHead,
  { why, reply }: Refusal,
  { keeper, holds }: DeliveryDeps,
): Promise<void> {
  const held = { why, reply: reply?.text ?? null };
  await keeper.keep({ write: 'hold', message: head.id }, () => holds.hold(routeId, head, held));
}

/** Writes the settlement; with nothing to tell of anybody the claim is given back instead. */
async function endClaim(settlement: Settlement, deps: DeliveryDeps): Promise<void> {
  const { messageId: message, recipients, attempt } = settlement;
  if (recipients.length === 0 && attempt?.fault === undefined) return giveBack(message, deps);
  await settleClaim(settlement, deps);
  // Also when it could not be written: then nothing else tells what became of it.
  for (const recipient of recipients) logRecipient(settlement, recipient, deps.log);
}

/**
 * Ends a claim by its settlement. Where that can't be written, the claim is given back: the recipients are no longer
 * waiting (a salvaged file failed them meanwhile), or nothing was sent. But after an attempt whose settlement fails for
 * a reason nobody knows, the claim stays: given back, the message would be sent again, and again. The next start of the
 * agent frees it.
 */
export async function settleClaim(
  settlement: Settlement,
  deps: Pick<DeliveryDeps, 'keeper' | 'spool'>,
): Promise<void> {
  const { messageId: message, attempt, recipients } = settlement;
  const result = await deps.keeper.keep({ write: 'settle', message }, () => deps.spool.settle(settlement));
  const isNothingSent = attempt === null || recipients.length === 0;
  if (result === 'unfit' || (result === 'given-up' && isNothingSent)) await giveBack(message, deps);
}

/** Ends a claim with everybody in it untouched. */
export async function giveBack(
  message: MessageId,
  deps: Pick<DeliveryDeps, 'keeper' | 'spool'>,
): Promise<void> {
  await deps.keeper.keep({ write: 'unclaim', message }, () => deps.spool.unclaim(message));
}

function logRecipient(settlement: Settlement, recipient: RecipientSettlement, log: Log): void {
  const fields = {
    message: settlement.messageId,
    recipient: recipient.recipientId,
    route: settlement.attempt?.routeId ?? null,
    host: settlement.attempt?.upstream?.host ?? null,
  };
  if (recipient.state === 'delivered') log.info('message.delivered', { ...fields, reply: recipient.reply });
  else log.warn(`message.${recipient.state}`, { ...fields, code: recipient.code, cause: recipient.cause });
}

/** Reads a finished dialogue into a report: each recipient's outcome, and the fault where the route has one. */
import type { Explanation } from '../core/errors.ts';
import type { DeliveryReport, RecipientOutcome, Reply, RouteFault, UpstreamFacts } from '../core/outcome.ts';
import type { Exchange } from './dialogue.ts';
import { explainMessage, type MessageCode } from './explanations.ts';
import { RouteFailure } from './failure.ts';
import { classify, type Verdict } from './replies.ts';
import { isPositive } from './reply.ts';
import type { ReplyStage } from './reply-row.ts';
import type { SessionRefused } from './session-errors.ts';
import type { Transfer } from './smtp-session.ts';
import type { RouteKind } from './types.ts';

/** A report without a word of the other side about any recipient. */
export function faultReport(fault: RouteFault | null, upstream: UpstreamFacts | null): DeliveryReport {
  return { upstream, results: [], fault };
}

/** The same outcome for all. */
export function sameForAll(
  recipients: readonly string[],
  outcome: RecipientOutcome,
  upstream: UpstreamFacts | null = null,
): DeliveryReport {
  return { upstream, results: recipients.map((address) => ({ address, outcome })), fault: null };
}

/** What a refused greeting, hello or sign-in means for the route. */
export function refusedFault(
  { exchange, upstream }: SessionRefused,
  kind: RouteKind,
  seenAddress: string | null,
): RouteFailure {
  const reply = exchange.reply;
  const stage: ReplyStage = exchange.stage === 'quit' ? 'connect' : exchange.stage;
  const verdict = classify(reply ?? { code: 0, enhanced: null, text: '' }, stage, kind);
  return new RouteFailure(faultOf(verdict, reply, seenAddress), { upstream });
}

export interface TransferContext {
  recipients: readonly string[];
  kind: RouteKind;
  upstream: UpstreamFacts;
  seenAddress: string | null;
}

/** What one transfer means for each recipient. A recipient without a result was not touched. */
export function readTransfer(transfer: Transfer, context: TransferContext): DeliveryReport {
  const mail = replyAt(transfer, 'mail');
  if (mail === null) return nothingSaid(transfer, context);
  const rcpts = transfer.exchanges.filter(({ stage }) => stage === 'rcpt');
  const shared = isPositive(mail) ? afterRecipients(transfer, context) : judge(mail, 'mail', context);
  const results: DeliveryReport['results'] = [];
  let fault: RouteFault | null = null;
  context.recipients.forEach((address, index) => {
    const reply = rcpts[index]?.reply ?? null;
    const isOwn = isPositive(mail) && reply !== null && !isPositive(reply);
    const meaning = isOwn ? judge(reply, 'rcpt', context) : shared;
    if (meaning.outcome !== null) results.push({ address, outcome: meaning.outcome });
    fault ??= meaning.fault;
  });
  return { upstream: context.upstream, results, fault };
}

/** Whether MAIL was not even taken, so that a kept connection may just have been too old. */
export function isStale(transfer: Transfer): boolean {
  if (transfer.isDotSent || transfer.end === 'aborted' || transfer.end === 'body-failed') return false;
  const mail = replyAt(transfer, 'mail');
  return mail === null || mail.code === 421;
}

/** Whether the connection is good for another message. */
export function isReusable(transfer: Transfer): boolean {
  const final = replyAt(transfer, 'final');
  return transfer.end === 'answered' && final !== null && isPositive(final);
}

/** An outcome, a fault, or neither: then the recipients are untouched. */
interface Meaning {
  outcome: RecipientOutcome | null;
  fault: RouteFault | null;
}

const UNTOUCHED: Meaning = { outcome: null, fault: null };

function nothingSaid({ end, failure }: Transfer, context: TransferContext): DeliveryReport {
  if (end === 'body-failed')
    return sameForAll(context.recipients, retryBecause('message.body-unreadable', false), context.upstream);
  const fault = failure instanceof RouteFailure ? failure.fault : null;
  return faultReport(fault, context.upstream);
}

/** What became of the recipients that were accepted, or whose answer got lost. */
function afterRecipients(transfer: Transfer, context: TransferContext): Meaning {
  const final = replyAt(transfer, 'final');
  if (transfer.end === 'answered' && final !== null) return afterFinalReply(final, transfer, context);
  const data = replyAt(transfer, 'data');
  if (data !== null && !isPositive(data)) return judge(data, 'data', context);
  if (final !== null && final.code >= 400) return judge(final, 'final', context);
  return withoutFinalReply(transfer);
}

function afterFinalReply(final: Reply, transfer: Transfer, context: TransferContext): Meaning {
  if (!isPositive(final)) return judge(final, 'final', context);
  // A "yes" to a message that is not all there yet is worth nothing.
  if (!transfer.isDotSent) return { outcome: retryBecause('message.answered-early', false), fault: null };
  return { outcome: { kind: 'delivered', reply: final }, fault: null };
}

function withoutFinalReply({ end, isDotSent, failure }: Transfer): Meaning {
  if (end === 'body-failed') return { outcome: retryBecause('message.body-unreadable', false), fault: null };
  if (end === 'aborted' && !isDotSent) return UNTOUCHED;
  const why =
    failure instanceof RouteFailure && !isDotSent
      ? failure.fault.why
      : explainMessage(isDotSent ? 'message.answer-lost' : 'message.connection-lost');
  return { outcome: retry(why, { isUncertain: isDotSent }), fault: null };
}

function judge(reply: Reply, stage: ReplyStage, context: TransferContext): Meaning {
  const verdict = classify(reply, stage, context.kind);
  if (verdict.scope === 'route')
    return { outcome: null, fault: faultOf(verdict, reply, context.seenAddress) };
  return { outcome: outcomeOf(verdict, reply, context.seenAddress), fault: null };
}

function outcomeOf(verdict: Verdict, reply: Reply, seenAddress: string | null): RecipientOutcome {
  const why = withAddress(verdict, seenAddress);
  switch (verdict.action) {
    case 'fail':
      return { kind: 'rejected', reply, why };
    case 'hold':
      return { kind: 'hold', reply, why };
    case 'back-off':
    case 'pause':
    case 'fix':
    case 'split':
      return retry(why, { reply, retryAfterMs: verdict.retryAfterMs });
  }
}

function faultOf(verdict: Verdict, reply: Reply | null, seenAddress: string | null): RouteFault {
  const healsByTime = verdict.action === 'back-off' || verdict.retryAfterMs !== null;
  return {
    why: withAddress(verdict, seenAddress),
    reply,
    needsPerson: !healsByTime,
    retryAfterMs: verdict.retryAfterMs,
  };
}

/** The address of the box as the other side sees it is what an administrator has to type in there. */
function withAddress({ why, tellsAddress }: Verdict, seenAddress: string | null): Explanation {
  if (!tellsAddress || seenAddress === null) return why;
  return { ...why, cause: why.cause.replace(/\.$/, ` (Microsoft sees this box as ${seenAddress}).`) };
}

/** Tried again for a reason of our own. */
export function retryBecause(code: MessageCode, isUncertain: boolean): RecipientOutcome {
  return retry(explainMessage(code), { isUncertain });
}

function retry(
  why: Explanation,
  options: { reply?: Reply; retryAfterMs?: number | null; isUncertain?: boolean },
): RecipientOutcome {
  return {
    kind: 'retry',
    reply: options.reply ?? null,
    why,
    uncertain: options.isUncertain ?? false,
    retryAfterMs: options.retryAfterMs ?? null,
  };
}

function replyAt({ exchanges }: Transfer, stage: Exchange['stage']): Reply | null {
  return exchanges.find((exchange) => exchange.stage === stage)?.reply ?? null;
}

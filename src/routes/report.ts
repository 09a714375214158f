/** Reads a finished dialogue into a report: each recipient's outcome, and the fault where the route has one. */
import type { Explanation } from '../core/errors.ts';
import { domainOf } from '../core/message.ts';
import type { DeliveryReport, RecipientOutcome, Reply, RouteFault, UpstreamFacts } from '../core/outcome.ts';
import type { Exchange } from './dialogue.ts';
import { explainMessage, type MessageCode } from './explanations.ts';
import { RouteFailure } from './failure.ts';
import { classify, type Verdict } from './replies.ts';
import { isClosing, isGoAhead, isPositive } from './reply.ts';
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
  const stage: ReplyStage =
    exchange.stage === 'quit' || exchange.stage === 'reset' ? 'connect' : exchange.stage;
  const verdict = classify(reply ?? { code: 0, enhanced: null, text: '' }, stage, kind);
  return new RouteFailure(faultOf(verdict, reply, { seenAddress, size: null }), { upstream });
}

/** What a negative answer means to a question that was asked without a message. */
export function explainAnswer(
  reply: Reply,
  stage: ReplyStage,
  { kind, seenAddress }: { kind: RouteKind; seenAddress: string | null },
): { verdict: Verdict; why: Explanation } {
  const verdict = classify(reply, stage, kind);
  return { verdict, why: withDetails(verdict, { seenAddress, size: null }) };
}

/** What an administrator needs beside the sentence of the table. */
interface Circumstances {
  /** The address of the box as the other side sees it, to type in there. */
  seenAddress: string | null;
  /** The message and the limit of the route, in bytes. */
  size: { bodyBytes: number; bytesMax: number } | null;
}

export interface TransferContext extends Circumstances {
  recipients: readonly string[];
  kind: RouteKind;
  upstream: UpstreamFacts;
  /** Domains that are the tenant's own for certain, lower case. */
  ownDomains: readonly string[];
}

/** What one transfer means for each recipient. A recipient without a result was not touched. */
export function readTransfer(transfer: Transfer, context: TransferContext): DeliveryReport {
  const mail = replyAt(transfer, 'mail');
  if (mail === null) return nothingSaid(transfer, context);
  if (isOutOfStep(transfer)) {
    const why = explainMessage('message.out-of-step');
    const reply = replyAt(transfer, 'data') ?? mail;
    return sameForAll(context.recipients, retry(why, { reply }), context.upstream);
  }
  const rcpts = transfer.exchanges.filter(({ stage }) => stage === 'rcpt');
  const shared = isPositive(mail) ? afterRecipients(transfer, context) : judge(mail, 'mail', context);
  const answers = context.recipients.map((address, index): Answer => {
    const reply = rcpts[index]?.reply ?? null;
    const isOwn = isPositive(mail) && reply !== null && !isPositive(reply);
    return { address, meaning: inDoubt(isOwn ? judge(reply, 'rcpt', context) : shared, transfer) };
  });
  const results: DeliveryReport['results'] = [];
  for (const { address, meaning } of answers) {
    if (meaning.outcome !== null) results.push({ address, outcome: meaning.outcome });
  }
  const fault = answers.find(({ meaning }) => meaning.fault !== null)?.meaning.fault ?? null;
  const outside = outsideFault(answers, context);
  return {
    upstream: context.upstream,
    results: splitOff(results, answers, context),
    fault,
    ...(outside && { outsideFault: outside }),
  };
}

/** The pause for all outside recipients, when one of them was refused by a limit that spares the own domains. */
function outsideFault(answers: readonly Answer[], context: TransferContext): RouteFault | null {
  for (const { address, meaning } of answers) {
    const { verdict, outcome } = meaning;
    if (verdict?.sparesOwnDomains && outcome !== null && isOutside(address, context) && 'reply' in outcome)
      return faultOf(verdict, outcome.reply, context);
  }
  return null;
}

function isOutside(address: string, { ownDomains }: TransferContext): boolean {
  return !ownDomains.includes(domainOf(address));
}

interface Answer {
  address: string;
  meaning: Meaning;
}

/**
 * Marks those that are due again at once: what was too much beside recipients that went, recipients of the tenant
 * itself beside outside ones that may not go now, so that the next envelope is smaller; and those outside ones, which
 * the pause of the route keeps.
 */
function splitOff(
  results: DeliveryReport['results'],
  answers: readonly Answer[],
  context: TransferContext,
): DeliveryReport['results'] {
  if (!answers.some(({ meaning }) => maySplit(meaning))) return results;
  const isDelivered = results.some(({ outcome }) => outcome.kind === 'delivered');
  const hasOutside = results.some(({ address }) => isOutside(address, context));
  const goesAtOnce = ({ meaning: { verdict } }: Answer) =>
    (verdict?.action === 'split' && isDelivered) || (verdict?.sparesOwnDomains === true && hasOutside);
  const atOnce = new Set(answers.filter(goesAtOnce).map(({ address }) => address));
  return results.map(({ address, outcome }) =>
    outcome.kind === 'retry' && atOnce.has(address)
      ? { address, outcome: { ...outcome, split: true, retryAfterMs: null } }
      : { address, outcome },
  );
}

function maySplit({ verdict }: Meaning): boolean {
  return verdict?.action === 'split' || verdict?.sparesOwnDomains === true;
}

/** Whether MAIL was not even taken, so that a kept connection may just have been too old. */
export function isStale(transfer: Transfer): boolean {
  if (transfer.isDotSent || transfer.end === 'aborted' || transfer.end === 'body-failed') return false;
  const mail = replyAt(transfer, 'mail');
  return mail === null || isClosing(mail);
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
  /** Of the reply table, where a reply decided. */
  verdict: Verdict | null;
}

const UNTOUCHED: Meaning = { outcome: null, fault: null, verdict: null };

/** Nobody knows which reply belongs to whom: a 2xx to DATA is the answer to another command, and so are others. */
function isOutOfStep(transfer: Transfer): boolean {
  const data = replyAt(transfer, 'data');
  return !transfer.isDotSent && (!transfer.isInStep || (data !== null && isPositive(data)));
}

function nothingSaid({ end, failure }: Transfer, context: TransferContext): DeliveryReport {
  if (end === 'body-failed')
    return sameForAll(context.recipients, retryBecause('message.body-unreadable', false), context.upstream);
  const fault = failure instanceof RouteFailure ? failure.fault : null;
  return faultReport(fault, context.upstream);
}

/**
 * What nobody can read may have been a "yes", as nodemailer takes some of it: once the text has gone, nobody knows.
 * Where we cut the attempt short before, it says nothing.
 */
function inDoubt(meaning: Meaning, { end, isDotSent }: Transfer): Meaning {
  const { outcome } = meaning;
  if (outcome?.kind !== 'retry' || outcome.reply === null || outcome.reply.code >= 400) return meaning;
  if (isDotSent) return { ...meaning, outcome: { ...outcome, uncertain: true } };
  return end === 'aborted' ? UNTOUCHED : meaning;
}

/** What became of the recipients that were accepted, or whose answer got lost. */
function afterRecipients(transfer: Transfer, context: TransferContext): Meaning {
  const final = replyAt(transfer, 'final');
  if (transfer.end === 'answered' && final !== null) return afterFinalReply(final, transfer, context);
  const data = replyAt(transfer, 'data');
  if (data !== null && !isGoAhead(data)) return judge(data, 'data', context);
  if (final !== null && final.code >= 400) return judge(final, 'final', context);
  return withoutFinalReply(transfer);
}

function afterFinalReply(final: Reply, transfer: Transfer, context: TransferContext): Meaning {
  if (!isPositive(final)) return judge(final, 'final', context);
  // A "yes" to a message that is not all there yet is worth nothing.
  if (!transfer.isDotSent) return decided(retryBecause('message.answered-early', false));
  return decided({ kind: 'delivered', reply: final });
}

function withoutFinalReply({ end, isDotSent, failure }: Transfer): Meaning {
  if (end === 'body-failed') return decided(retryBecause('message.body-unreadable', false));
  if (end === 'aborted' && !isDotSent) return UNTOUCHED;
  const why =
    failure instanceof RouteFailure && !isDotSent
      ? failure.fault.why
      : explainMessage(isDotSent ? 'message.answer-lost' : 'message.connection-lost');
  return decided(retry(why, { isUncertain: isDotSent }));
}

function decided(outcome: RecipientOutcome): Meaning {
  return { ...UNTOUCHED, outcome };
}

function judge(reply: Reply, stage: ReplyStage, context: TransferContext): Meaning {
  const verdict = classify(reply, stage, context.kind);
  if (verdict.scope === 'route') return { outcome: null, fault: faultOf(verdict, reply, context), verdict };
  return { outcome: outcomeOf(verdict, reply, context), fault: null, verdict };
}

function outcomeOf(verdict: Verdict, reply: Reply, circumstances: Circumstances): RecipientOutcome {
  const why = withDetails(verdict, circumstances);
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

function faultOf(verdict: Verdict, reply: Reply | null, circumstances: Circumstances): RouteFault {
  const healsByTime = verdict.action === 'back-off' || verdict.retryAfterMs !== null;
  return {
    why: withDetails(verdict, circumstances),
    reply,
    needsPerson: !healsByTime,
    retryAfterMs: verdict.retryAfterMs,
  };
}

function withDetails({ why, ...verdict }: Verdict, { seenAddress, size }: Circumstances): Explanation {
  const details = [
    ...(verdict.tellsAddress && seenAddress !== null ? [`Microsoft sees this box as ${seenAddress}`] : []),
    ...(verdict.tellsSize && size !== null
      ? [`${size.bodyBytes} bytes, the limit set for the route is ${size.bytesMax}`]
      : []),
  ];
  if (details.length === 0) return why;
  return { ...why, cause: why.cause.replace(/\.$/, ` (${details.join('; ')}).`) };
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

/** One attempt, the same for every kind of route: check, read the header, connect, send, read the answers. */
import type { Clock } from '../core/clock.ts';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { MessageHead } from '../core/message.ts';
import type { DeliveryReport } from '../core/outcome.ts';
import { type Bounds, within } from './bounds.ts';
import { explainMessage } from './explanations.ts';
import { AttemptAborted, RouteFailure } from './failure.ts';
import {
  faultReport,
  isReusable,
  isStale,
  readTransfer,
  refusedFault,
  retryBecause,
  sameForAll,
} from './report.ts';
import type { Shaped } from './rewrite.ts';
import { SessionRefused } from './session-errors.ts';
import type { SmtpSession } from './smtp-session.ts';
import type { OutgoingMessage, RouteKind, RouteLimits } from './types.ts';
import { HeaderTooLarge, openWireBody, type WireBody } from './wire-body.ts';

/** What the kinds of route differ in. */
export interface Way {
  kind: RouteKind;
  limits: RouteLimits;
  /** Domains that are the tenant's own for certain, lower case. */
  ownDomains: readonly string[];
  log: Log;
  clock: Clock;
  /** A session that may send; `isKept` when it has sent before. Throws RouteFailure, SessionRefused, AttemptAborted. */
  acquire(signal: AbortSignal, isFreshWanted: boolean): Promise<{ session: SmtpSession; isKept: boolean }>;
  /** Takes back a session that is good for another message. */
  release(session: SmtpSession): void;
  shape(header: Buffer, head: MessageHead): Shaped;
}

/** Never throws for anything the network or the other side did: that is in the report. */
export async function deliver(
  way: Way,
  message: OutgoingMessage,
  signal: AbortSignal,
): Promise<DeliveryReport> {
  const { head, recipients } = message;
  if (head.bodyBytes > way.limits.messageBytesMax)
    return tooLarge(head, recipients, way.limits.messageBytesMax);
  const sendable = recipients.filter(isSendable);
  if (sendable.length === recipients.length) return deliverBody(way, message, signal);
  const invalid = recipients.filter((address) => !isSendable(address));
  const refused = sameForAll(invalid, rejected('message.address-invalid'));
  if (sendable.length === 0) return refused;
  const report = await deliverBody(way, { ...message, recipients: sendable }, signal);
  return { ...report, results: [...refused.results, ...report.results] };
}

async function deliverBody(way: Way, message: OutgoingMessage, signal: AbortSignal): Promise<DeliveryReport> {
  const { head, recipients } = message;
  let body: WireBody;
  try {
    body = await openInTime(message.openBody, head.bodyBytes, { clock: way.clock, signal });
  } catch (error) {
    if (error instanceof AttemptAborted) return faultReport(null, null);
    if (error instanceof HeaderTooLarge) return sameForAll(recipients, rejected('message.header-too-large'));
    // The spool says for good that there is no body any more; trying on can't bring it back.
    if (error instanceof OperatorError)
      return sameForAll(recipients, { kind: 'rejected', reply: null, why: error.explanation });
    return sameForAll(recipients, retryBecause('message.body-unreadable', false));
  }
  try {
    return await attempt(way, message, body, signal);
  } finally {
    body.close();
  }
}

/** A body that comes too late, or whose header does, is released. */
async function openInTime(
  openBody: OutgoingMessage['openBody'],
  bodyBytes: number,
  bounds: Bounds,
): Promise<WireBody> {
  const limit = {
    limitMs: LIMITS.routeDataBlockMaxMs,
    onTimeout: () => new Error('the stored body did not come in time'),
  };
  const opening = openBody();
  try {
    const source = await within(opening, bounds, limit);
    return await within(openWireBody(source, bodyBytes), bounds, limit);
  } catch (error) {
    opening.then(
      (source) => source.destroy(),
      () => {},
    );
    throw error;
  }
}

async function attempt(
  way: Way,
  message: OutgoingMessage,
  body: WireBody,
  signal: AbortSignal,
): Promise<DeliveryReport> {
  const shaped = way.shape(body.header, message.head);
  body.setHeader(shaped.header);
  if (shaped.sender !== '' && !isSendable(shaped.sender))
    return sameForAll(message.recipients, rejected('message.address-invalid'));
  try {
    return (
      (await attemptOnce(way, message, shaped.sender, { body, signal, isFreshWanted: false })) ??
      (await attemptOnce(way, message, shaped.sender, { body, signal, isFreshWanted: true })) ??
      faultReport(null, null)
    );
  } catch (error) {
    if (error instanceof AttemptAborted) return faultReport(null, null);
    if (error instanceof SessionRefused) return refusedReport(refusedFault(error, way.kind, null), way);
    if (error instanceof RouteFailure) return refusedReport(error, way);
    throw error;
  }
}

interface Try {
  body: WireBody;
  signal: AbortSignal;
  isFreshWanted: boolean;
}

/** Null when a kept connection turned out to be dead before anything was said: then a fresh one is due. */
async function attemptOnce(
  way: Way,
  { head, recipients, beforeFinalDot }: OutgoingMessage,
  sender: string,
  { body, signal, isFreshWanted }: Try,
): Promise<DeliveryReport | null> {
  const { session, isKept } = await way.acquire(signal, isFreshWanted);
  const { sizeMax, seenAddress } = session.extensions;
  if (sizeMax !== null && head.bodyBytes > sizeMax) {
    session.quit();
    return { ...tooLarge(head, recipients, sizeMax), upstream: session.upstream };
  }
  const transfer = await session.send({ sender, recipients, bodyBytes: head.bodyBytes }, body, {
    signal,
    beforeFinalDot: (taken) => beforeFinalDot(session.upstream, taken),
  });
  if (isKept && !isFreshWanted && isStale(transfer)) {
    session.close();
    return null;
  }
  if (isReusable(transfer)) way.release(session);
  else session.quit();
  if (transfer.end === 'body-failed')
    way.log.error('message.body-unreadable', { message: head.id, reason: transfer.failure?.message });
  const { kind, ownDomains } = way;
  return readTransfer(transfer, {
    recipients,
    seenAddress,
    kind,
    ownDomains,
    upstream: session.upstream,
    size: { bodyBytes: head.bodyBytes, bytesMax: way.limits.messageBytesMax },
  });
}

function refusedReport(failure: RouteFailure, { log }: Way): DeliveryReport {
  const { fault, upstream } = failure;
  log.warn('route.attempt-failed', {
    code: fault.why.code,
    cause: fault.why.cause,
    reply: fault.reply?.text,
  });
  return faultReport(fault, upstream);
}

function tooLarge({ bodyBytes }: MessageHead, recipients: string[], bytesMax: number): DeliveryReport {
  const why = explainMessage('message.too-large', `${bodyBytes} bytes, the limit is ${bytesMax}`);
  return sameForAll(recipients, { kind: 'rejected', reply: null, why });
}

function rejected(code: Parameters<typeof explainMessage>[0]) {
  return { kind: 'rejected', reply: null, why: explainMessage(code) } as const;
}

/** What would break out of `RCPT TO:<...>` never reaches the wire. */
function isSendable(address: string): boolean {
  return address !== '' && !/[\p{Cc}<>]/u.test(address);
}

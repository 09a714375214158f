/** Turns what went wrong while a session was set up into a failure a person can read. */
import type { UpstreamFacts } from '../core/outcome.ts';
import type { Exchange } from './dialogue.ts';
import { AttemptAborted, connectionFailure, RouteFailure } from './failure.ts';
import { type FaultCode, faultCodeOf } from './faults.ts';
import { isPositive, UNREADABLE_CODE } from './reply.ts';

interface Circumstances {
  exchanges: readonly Exchange[];
  where: string;
  upstream: UpstreamFacts;
}

/** A negative reply while a session is set up; the route reads it by the reply table. */
export class SessionRefused extends Error {
  readonly exchange: Exchange;
  readonly upstream: UpstreamFacts;

  constructor(exchange: Exchange, upstream: UpstreamFacts) {
    super(`the server refused at ${exchange.stage}`);
    this.name = 'SessionRefused';
    this.exchange = exchange;
    this.upstream = upstream;
  }
}

/** The reply that ended the session, where there is one, explains more than the error that followed it. */
export function explainSessionError(error: unknown, { exchanges, where, upstream }: Circumstances): Error {
  if (error instanceof AttemptAborted) return error;
  const last = exchanges.findLast(({ reply }) => reply !== null);
  if (last?.stage === 'starttls' && last.reply !== null && !isPositive(last.reply))
    return connectionFailure('route.starttls-missing', where, { error, upstream, reply: last.reply });
  const isHungUpOn = exchanges.some(({ stage, reply }) => stage === 'starttls' && reply === null);
  if (isHungUpOn && !(error instanceof RouteFailure))
    return connectionFailure('route.starttls-missing', where, { error, upstream });
  if (last?.reply && last.reply.code >= 400) return new SessionRefused(last, upstream);
  if (error instanceof RouteFailure) return error;
  return connectionFailure(sessionFaultCode(error, exchanges), where, {
    error,
    upstream,
    reply: last?.reply ?? null,
  });
}

function sessionFaultCode(error: unknown, exchanges: readonly Exchange[]): FaultCode {
  const code = faultCodeOf(error);
  if (exchanges.some(({ reply }) => reply?.code === UNREADABLE_CODE)) return 'route.protocol';
  const isVague = code === 'route.connection-failed' || code === 'route.reset';
  // The next command is said only through TLS: with none after STARTTLS the handshake was under way.
  if (exchanges.at(-1)?.stage === 'starttls' && isVague) return 'route.tls-failed';
  return code === 'route.connection-failed' ? closedOrFailed(error) : code;
}

/** nodemailer's own codes for a connection that ended without an error of the system. */
function closedOrFailed(error: unknown): FaultCode {
  const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return code === 'ECONNECTION' ? 'route.closed' : 'route.connection-failed';
}

/** From a host name to an open session: look up, connect, greet, start TLS. */
import { describeError, type Log } from '../core/log.ts';
import { connectFirst, type Endpoint } from './connect.ts';
import { AttemptAborted } from './failure.ts';
import { findAddresses } from './names.ts';
import { openSession, type SmtpSession } from './smtp-session.ts';
import type { RouteTls } from './tls.ts';
import type { RouteDeps } from './types.ts';

/** Makes a function that opens a session with one host. It throws RouteFailure, SessionRefused, AttemptAborted. */
export function createSessionOpener(deps: RouteDeps, tls: RouteTls, connect = connectFirst) {
  return async (endpoint: Endpoint, signal: AbortSignal): Promise<SmtpSession> => {
    const bounds = { clock: deps.clock, signal };
    // Before there is a socket that an error would leave open.
    const secureContext = tls();
    const addresses = await findAddresses(deps.resolver, endpoint.host, bounds);
    const socket = await connect(addresses, endpoint, { ...bounds, log: deps.log });
    return await openSession(socket, endpoint, {
      ...bounds,
      log: deps.log,
      hostname: deps.hostname,
      tls: secureContext,
    });
  };
}

/**
 * Tries the hosts in their order until one gives a session (RFC 5321 section 5.1).
 * @throws what the last host failed with, or AttemptAborted
 */
export async function openFirst(
  hosts: readonly string[],
  open: (host: string) => Promise<SmtpSession>,
  log: Log,
): Promise<SmtpSession> {
  let failure: unknown = new Error('no host to try');
  for (const host of hosts) {
    try {
      return await open(host);
    } catch (error) {
      if (error instanceof AttemptAborted) throw error;
      log.info('route.host-failed', { host, reason: describeError(error) });
      failure = error;
    }
  }
  throw failure;
}

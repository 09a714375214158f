/** Whether a host can be reached at all: its mail hosts, its addresses, and a TCP connection that is closed at once. */
import type { RouteFault } from '../core/outcome.ts';
import { connectAny, type Endpoint } from './connect.ts';
import { AttemptAborted, RouteFailure } from './failure.ts';
import { findAddresses, findMailHosts } from './names.ts';
import type { RouteDeps } from './types.ts';

type ReachDeps = Pick<RouteDeps, 'resolver' | 'clock' | 'log'>;
type Answered<T> = { value: T } | { fault: RouteFault };

/** The mail hosts of a domain, best first. @throws AttemptAborted */
export function lookUpMailHosts(
  domain: string,
  { resolver, clock }: ReachDeps,
  signal: AbortSignal,
): Promise<Answered<string[]>> {
  return answered(() => findMailHosts(resolver, domain, { clock, signal }));
}

/** The addresses that a route would try. @throws AttemptAborted */
export function lookUpAddresses(
  host: string,
  { resolver, clock }: ReachDeps,
  signal: AbortSignal,
): Promise<Answered<string[]>> {
  return answered(() => findAddresses(resolver, host, { clock, signal }));
}

/** Connects and closes. @returns the address that answered. @throws AttemptAborted */
export function tryConnection(
  endpoint: Endpoint,
  addresses: readonly string[],
  { clock, log, signal }: Pick<RouteDeps, 'clock' | 'log'> & { signal: AbortSignal },
): Promise<Answered<string>> {
  return answered(async () => {
    const socket = await connectAny(addresses, endpoint, { clock, log, signal });
    const address = socket.remoteAddress ?? '';
    // The server's greeting is on its way and nobody reads it; a reset that follows tells nothing.
    socket.on('error', () => {});
    socket.destroy();
    return address;
  });
}

async function answered<T>(work: () => Promise<T>): Promise<Answered<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof AttemptAborted || !(error instanceof RouteFailure)) throw error;
    return { fault: error.fault };
  }
}

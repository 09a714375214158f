/** Whether a host can be reached at all: its mail hosts, its addresses, and a TCP connection that is closed at once. */
import type { RouteFault } from '../core/outcome.ts';
import { connectFirst, type Endpoint } from './connect.ts';
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

/**
 * Connects to all addresses at once and closes: where packets are swallowed, one after the other takes too long for
 * someone who waits. The fault is that of the first.
 * @returns the address that answered. @throws AttemptAborted
 */
export function tryConnection(
  endpoint: Endpoint,
  addresses: readonly string[],
  { clock, log, signal }: Pick<RouteDeps, 'clock' | 'log'> & { signal: AbortSignal },
): Promise<Answered<string>> {
  const found = new AbortController();
  const options = { clock, log, signal: AbortSignal.any([signal, found.signal]) };
  return answered(async () => {
    const tries = addresses.map(async (address) => {
      const socket = await connectFirst([address], endpoint, options);
      // The server's greeting is on its way and nobody reads it; a reset that follows tells nothing.
      socket.on('error', () => {});
      socket.destroy();
      return address;
    });
    try {
      return await Promise.any(tries);
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    } finally {
      found.abort();
    }
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

/** Name lookups of a route: the MX hosts of a domain, the addresses of a host. */
import { isIP } from 'node:net';
import { LIMITS } from '../core/limits.ts';
import { type Bounds, within } from './bounds.ts';
import { connectionFailure, RouteFailure } from './failure.ts';
import { type FaultCode, lookupFaultCodeOf } from './faults.ts';
import type { NameResolver } from './types.ts';

/** MX is always looked up: new tenants are under other names than the one everybody builds by hand. */
const MX_FAULTS: Partial<Record<FaultCode, FaultCode>> = {
  'route.name-unknown': 'route.mx-unknown-domain',
  'route.name-without-address': 'route.mx-missing',
};

/**
 * The mail hosts of `domain`, best first (RFC 5321 section 5.1). A domain without MX is a fault here and not a
 * host of its own: a Microsoft 365 domain always has one.
 * @throws RouteFailure, AttemptAborted
 */
export async function findMailHosts(
  resolver: NameResolver,
  domain: string,
  bounds: Bounds,
): Promise<string[]> {
  const records = await lookUp(() => resolver.resolveMx(domain), domain, bounds, MX_FAULTS);
  const hosts = records
    .toSorted((a, b) => a.priority - b.priority)
    .map(({ exchange }) => exchange.replace(/\.$/, ''));
  if (hosts.length === 0) throw connectionFailure('route.mx-missing', domain);
  const named = hosts.filter((host) => host !== '');
  if (named.length === 0) throw connectionFailure('route.mx-null', domain);
  return named.slice(0, LIMITS.routeHostsMax);
}

/**
 * The addresses of `host`: IPv4, and IPv6 only where there is no IPv4, because Microsoft refuses IPv6 without
 * reverse DNS (NDR 5.7.25). An address as host is taken as it is.
 * @throws RouteFailure, AttemptAborted
 */
export async function findAddresses(resolver: NameResolver, host: string, bounds: Bounds): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const ipv4 = await lookUpOrNone(() => resolver.resolve4(host), host, bounds);
  const found =
    ipv4.addresses.length > 0 ? ipv4 : await lookUpOrNone(() => resolver.resolve6(host), host, bounds);
  if (found.addresses.length > 0) return found.addresses.slice(0, LIMITS.routeAddressesMax);
  throw ipv4.failure ?? found.failure ?? connectionFailure('route.name-without-address', host);
}

interface Found {
  addresses: string[];
  failure: RouteFailure | null;
}

/** "There is no such record" is an answer; anything else is not. */
async function lookUpOrNone(ask: () => Promise<string[]>, host: string, bounds: Bounds): Promise<Found> {
  try {
    return { addresses: await lookUp(ask, host, bounds, {}), failure: null };
  } catch (error) {
    if (!(error instanceof RouteFailure) || error.fault.why.code === 'route.names-failed') throw error;
    return { addresses: [], failure: error };
  }
}

async function lookUp<T>(
  ask: () => Promise<T>,
  name: string,
  bounds: Bounds,
  renames: Partial<Record<FaultCode, FaultCode>>,
): Promise<T> {
  const answer = ask().catch((error: unknown) => {
    const code = lookupFaultCodeOf(error);
    throw connectionFailure(renames[code] ?? code, name, { error });
  });
  return await within(answer, bounds, {
    limitMs: LIMITS.routeLookupMaxMs,
    onTimeout: () => connectionFailure('route.names-failed', name),
  });
}

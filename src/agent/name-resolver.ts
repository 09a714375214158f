/** Name lookups for the routes and the doctor: the configured name servers, or the system's (hosts file included). */
import dns from 'node:dns';
import { LIMITS } from '../core/limits.ts';
import type { DoctorResolver } from '../doctor/types.ts';

/** @param servers addresses as `address` or `address:port`; null for those of the system. */
export function createNameResolver(servers: string[] | null): DoctorResolver {
  const resolver = new dns.promises.Resolver({ timeout: LIMITS.dnsTimeoutMs, tries: LIMITS.dnsTries });
  if (servers !== null) {
    resolver.setServers(servers);
    return resolver;
  }
  const lookUp = async (host: string, family: 4 | 6): Promise<string[]> =>
    (await dns.promises.lookup(host, { family, all: true })).map(({ address }) => address);
  return {
    resolveMx: (domain) => resolver.resolveMx(domain),
    resolveTxt: (domain) => resolver.resolveTxt(domain),
    resolve4: (host) => lookUp(host, 4),
    resolve6: (host) => lookUp(host, 6),
  };
}

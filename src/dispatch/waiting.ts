/**
 * Recipient domains whose route is open but busy, left out of claims until it may go on.
 *
 * Without it a claim would bring the same oldest message again and again while its route is busy, and
 * whatever lies behind it would starve.
 */
import { LIMITS } from '../core/limits.ts';
import { domainOf } from '../core/message.ts';
import type { ClaimFilter } from '../spool/types.ts';

export interface WaitingDomains {
  add(address: string): void;
  /** Forgets the domains that `waits` no longer holds for; it is asked with one address of each. */
  prune(waits: (address: string) => boolean): void;
  /** Narrows `filter` to what does not wait; null when nothing can be claimed at all. */
  narrow(filter: ClaimFilter): ClaimFilter | null;
}

/** Makes an empty set. */
export function createWaitingDomains(): WaitingDomains {
  const samples = new Map<string, string>();
  return {
    add: (address) => {
      samples.set(domainOf(address), address);
    },
    prune(waits) {
      for (const [domain, address] of samples) if (!waits(address)) samples.delete(domain);
    },
    narrow: (filter) => (samples.size > LIMITS.waitingDomainsMax ? null : withoutDomains(filter, samples)),
  };
}

/** `filter` less some domains, or null when nothing is left. */
export function withoutDomains(
  filter: ClaimFilter,
  domains: ReadonlyMap<string, unknown>,
): ClaimFilter | null {
  if (filter.kind === 'only') {
    const left = filter.domains.filter((domain) => !domains.has(domain));
    return left.length === 0 ? null : { kind: 'only', domains: left };
  }
  if (domains.size === 0) return filter;
  const excepted = filter.kind === 'except' ? filter.domains : [];
  return { kind: 'except', domains: [...new Set([...excepted, ...domains.keys()])] };
}

/** The pure choice of a route for a recipient, and which recipients may be claimed at all right now. */
import type { Explanation } from '../core/errors.ts';
import { domainOf } from '../core/message.ts';
import { explainMessage } from './explanations.ts';
import type { RoutingRule } from './settings.ts';
import type { Route } from './types.ts';

export type Choice =
  /** `among`: the usable routes of the same group, `routeId` first; any of them may take it. */
  | { kind: 'use'; routeId: string; among: string[] }
  /** A route could carry it, but none of those may be used now. */
  | { kind: 'wait'; rule: RoutingRule }
  /** No rule fits, or no route of its rule can ever carry it. */
  | { kind: 'impossible'; why: Explanation };

/** Which recipient domains; the spool's ClaimFilter has the same shape, and this room doesn't know the spool. */
export type DomainFilter =
  | { kind: 'all' }
  | { kind: 'only'; domains: string[] }
  | { kind: 'except'; domains: string[] };

/** Whether a route may be used now: neither paused nor out of budget. */
export type IsUsable = (routeId: string) => boolean;

type Routes = ReadonlyMap<string, Pick<Route, 'canCarry' | 'domains' | 'ownDomains'>>;

/** The ids a rule names, in their order, whether they stand alone or in a group. */
export function routeIdsOf({ use }: RoutingRule): string[] {
  return use.flat();
}

/**
 * The first rule that fits the domain is taken; in it the first usable route that can carry the recipient, with
 * the others of its group that can.
 */
export function chooseRoute(
  routing: readonly RoutingRule[],
  recipient: string,
  isUsable: IsUsable,
  routes: Routes,
): Choice {
  const rule = routing.find(({ recipients }) => recipients?.includes(domainOf(recipient)) ?? true);
  if (rule === undefined) return { kind: 'impossible', why: explainMessage('message.no-rule') };
  let isCarried = false;
  for (const entry of rule.use) {
    const group = typeof entry === 'string' ? [entry] : entry;
    const able = group.filter((id) => routes.get(id)?.canCarry(recipient));
    const among = able.filter((id) => isUsable(id));
    const [routeId] = among;
    if (routeId !== undefined) return { kind: 'use', routeId, among };
    isCarried ||= able.length > 0;
  }
  return isCarried ? { kind: 'wait', rule } : { kind: 'impossible', why: explainMessage('message.no-route') };
}

/**
 * The recipients worth claiming: all but those of the domains that wait. `isWaiting` is asked with one recipient of
 * each domain that a rule or a route names, and once for all others: as the choice goes by the domain alone, the two
 * can't disagree.
 */
export function claimFilterFor(
  isWaiting: (recipient: string) => boolean,
  routing: readonly RoutingRule[],
  routes: Routes,
): DomainFilter {
  const named = new Set(routing.flatMap(({ recipients }) => recipients ?? []));
  for (const { domains = [], ownDomains = [] } of routes.values())
    for (const domain of [...domains, ...ownDomains]) named.add(domain);
  const waiting = [...named].filter((domain) => isWaiting(`x@${domain}`));
  if (isWaiting(`x@${ANY_OTHER_DOMAIN}`))
    return { kind: 'only', domains: [...named].filter((domain) => !waiting.includes(domain)) };
  return waiting.length === 0 ? { kind: 'all' } : { kind: 'except', domains: waiting };
}

/** Stands for every domain that nothing names: `.invalid` is never given out (RFC 2606 section 2). */
const ANY_OTHER_DOMAIN = 'any-other.invalid';

/** The pure choice of a route for a recipient, and which recipients may be claimed at all right now. */
import type { Explanation } from '../core/errors.ts';
import { domainOf } from '../core/message.ts';
import type { RoutingRule } from './settings.ts';
import type { Route } from './types.ts';

export type Choice =
  | { kind: 'use'; routeId: string }
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

type Routes = ReadonlyMap<string, Pick<Route, 'canCarry' | 'domains'>>;

/** The first rule that fits the domain is taken; in it the first usable route that can carry the recipient. */
export function chooseRoute(
  routing: readonly RoutingRule[],
  recipient: string,
  isUsable: IsUsable,
  routes: Routes,
): Choice {
  const rule = routing.find(({ recipients }) => recipients?.includes(domainOf(recipient)) ?? true);
  if (rule === undefined) return { kind: 'impossible', why: NO_RULE };
  const able = rule.use.filter((id) => routes.get(id)?.canCarry(recipient) ?? false);
  if (able.length === 0) return { kind: 'impossible', why: NONE_CAN_CARRY };
  const usable = able.find((id) => isUsable(id));
  return usable === undefined ? { kind: 'wait', rule } : { kind: 'use', routeId: usable };
}

/**
 * The recipients worth claiming: those with a usable route, and those that no route can ever carry, because
 * they have to be told so. It asks `chooseRoute` for every domain that a rule or a route names, and once for all
 * others, so the two can't disagree.
 */
export function claimFilterFor(
  routing: readonly RoutingRule[],
  isUsable: IsUsable,
  routes: Routes,
): DomainFilter {
  const named = new Set(routing.flatMap(({ recipients }) => recipients ?? []));
  for (const { domains } of routes.values()) for (const domain of domains ?? []) named.add(domain);
  const isWaiting = (domain: string) => chooseRoute(routing, `x@${domain}`, isUsable, routes).kind === 'wait';
  const waiting = [...named].filter((domain) => isWaiting(domain));
  if (isWaiting(ANY_OTHER_DOMAIN))
    return { kind: 'only', domains: [...named].filter((domain) => !waiting.includes(domain)) };
  return waiting.length === 0 ? { kind: 'all' } : { kind: 'except', domains: waiting };
}

/** Stands for every domain that nothing names: `.invalid` is never given out (RFC 2606 section 2). */
const ANY_OTHER_DOMAIN = 'any-other.invalid';

const NO_RULE: Explanation = {
  code: 'message.no-rule',
  cause: 'No routing rule fits the domain of this recipient.',
  advice: 'Add a rule for the domain, or one without recipients that takes all.',
};
const NONE_CAN_CARRY: Explanation = {
  code: 'message.no-route',
  cause: 'None of the routes that the routing rule names can carry mail to this recipient.',
  advice: 'Add a submission or connector route to the rule; direct send reaches only its own domains.',
};

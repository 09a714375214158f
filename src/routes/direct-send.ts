/** Direct send: to the MX of the tenant on port 25, without a sign-in; reaches recipients of the tenant only. */
import { domainOf } from '../core/message.ts';
import { createMxRoute } from './mx-route.ts';
import type { DirectSendSettings } from './settings.ts';
import { createRouteTls } from './tls.ts';
import type { Route, RouteDeps } from './types.ts';

export function createDirectSendRoute(settings: DirectSendSettings, deps: RouteDeps): Route {
  const domains = [settings.domain, ...settings.domains];
  return {
    ...createMxRoute(settings, deps, createRouteTls(settings)),
    domains,
    canCarry: (recipient) => domains.includes(domainOf(recipient)),
  };
}

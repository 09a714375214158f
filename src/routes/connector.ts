/** Connector: to the MX of the tenant on port 25, known there by the public address or a client certificate. */
import { domainOf } from '../core/message.ts';
import { createMxRoute } from './mx-route.ts';
import type { ConnectorSettings } from './settings.ts';
import { createRouteTls } from './tls.ts';
import type { Route, RouteDeps } from './types.ts';

export function createConnectorRoute(settings: ConnectorSettings, deps: RouteDeps): Route {
  return {
    ...createMxRoute(settings, deps, createRouteTls(settings)),
    canCarry: (recipient) => domainOf(recipient) !== '',
  };
}

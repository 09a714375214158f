/** The list of the ways out: each kind of route is one file. */
import { createConnectorRoute } from './connector.ts';
import { createDirectSendRoute } from './direct-send.ts';
import type { RouteSettings } from './settings.ts';
import { createSubmissionRoute } from './submission.ts';
import type { Route, RouteDeps } from './types.ts';

/** Makes the route that the settings ask for; nothing is looked up or opened before the first delivery. */
export function createRoute(settings: RouteSettings, deps: RouteDeps): Route {
  switch (settings.kind) {
    case 'submission':
      return createSubmissionRoute(settings, deps);
    case 'direct-send':
      return createDirectSendRoute(settings, deps);
    case 'connector':
      return createConnectorRoute(settings, deps);
  }
}

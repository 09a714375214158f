/** The routes: how they stand, and a person's pause. */
import * as z from 'zod';
import { OperatorError } from '../../core/errors.ts';
import type { RouteStatus } from '../../dispatch/types.ts';
import type { ControlDeps } from '../deps.ts';
import { PROBLEMS } from '../problems.ts';
import { command } from './command.ts';

const routeInput = z.strictObject({ id: z.string().describe('Id of the route.'), by: z.string().min(1) });

export const ROUTE_COMMANDS = {
  'routes.list': command(z.strictObject({}), async (deps): Promise<RouteStatus[]> => deps.dispatch.routes()),

  'routes.pause': command(routeInput, async (deps, input): Promise<RouteStatus> => {
    routeStatus(deps, input.id);
    deps.dispatch.pauseRoute(input.id, input.by);
    return routeStatus(deps, input.id);
  }),

  'routes.resume': command(routeInput, async (deps, input): Promise<RouteStatus> => {
    routeStatus(deps, input.id);
    deps.dispatch.resumeRoute(input.id, input.by);
    return routeStatus(deps, input.id);
  }),
};

function routeStatus(deps: ControlDeps, id: string): RouteStatus {
  const routes = deps.dispatch.routes();
  const found = routes.find((route) => route.id === id);
  if (found !== undefined) return found;
  throw new OperatorError(PROBLEMS.unknownRoute(id, routes.map((route) => route.id).join(', ')));
}

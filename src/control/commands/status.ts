/** How the agent is doing. */
import * as z from 'zod';
import type { RouteStatus } from '../../dispatch/types.ts';
import type { SpoolStats } from '../../spool/types.ts';
import { command } from './command.ts';

export interface AgentStatus {
  version: string;
  site: string;
  startedAt: number;
  now: number;
  spool: SpoolStats;
  routes: RouteStatus[];
}

export const STATUS_COMMANDS = {
  status: command(
    z.strictObject({}),
    async (deps): Promise<AgentStatus> => ({
      version: deps.version,
      site: deps.siteId,
      startedAt: deps.startedAt,
      now: deps.now(),
      spool: await deps.spool.stats(),
      routes: deps.dispatch.routes(),
    }),
  ),

  reload: command(z.strictObject({ by: z.string().min(1) }), (deps, input) => deps.reload(input.by)),
};

/** How the agent is doing. */
import * as z from 'zod';
import type { RouteStatus } from '../../dispatch/types.ts';
import { type HealthProblem, problemsOf } from '../../health/problem-list.ts';
import type { BrokerFacts } from '../../health/sources.ts';
import type { Grade } from '../../health/types.ts';
import type { SpoolStats } from '../../spool/types.ts';
import { command } from './command.ts';

export interface AgentStatus {
  version: string;
  site: string;
  startedAt: number;
  now: number;
  spool: SpoolStats;
  routes: RouteStatus[];
  /** Connection to the MQTT broker; null where none is configured. */
  broker: BrokerFacts | null;
  health: { grade: Grade; problems: HealthProblem[] };
}

export const STATUS_COMMANDS = {
  status: command(z.strictObject({}), async (deps): Promise<AgentStatus> => {
    const health = await deps.health.look();
    return {
      version: deps.version,
      site: deps.siteId,
      startedAt: deps.startedAt,
      now: deps.now(),
      spool: await deps.spool.stats(),
      routes: deps.dispatch.routes(),
      broker: deps.broker(),
      health: { grade: health.grade, problems: problemsOf(health) },
    };
  }),

  reload: command(z.strictObject({ by: z.string().min(1) }), (deps, input) => deps.reload(input.by)),
};

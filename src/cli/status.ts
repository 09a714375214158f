/** `scanferry status`: how the running agent is doing, on one screen. */
import type { Command } from 'commander';
import type { AgentStatus } from '../control/commands/status.ts';
import type { BrokerFacts } from '../health/sources.ts';
import type { CliContext } from './context.ts';
import { formatGrade } from './health.ts';
import { formatBytes, formatCount, formatDuration } from './output.ts';
import { formatRoutes, isInTrouble } from './routes.ts';

export function addStatusCommand(program: Command, context: CliContext): void {
  program
    .command('status')
    .description('show how the running agent is doing')
    .action(async () => {
      const status = await context.client().call('status', {});
      const isWell = status.spool.refusal === null && !status.routes.some(isInTrouble);
      context.exitCode = isWell ? 0 : 1;
      if (context.asJson()) context.output.json(status);
      else context.output.line(formatStatus(status));
    });
}

function formatStatus(status: AgentStatus): string {
  const { recipients, oldestPendingAt, databaseBytes, maxBytes, freeBytes, uncertainAttempts } = status.spool;
  const { refusal } = status.spool;
  const waiting = recipients.queued + recipients.deferred + recipients.sending;
  const oldest =
    oldestPendingAt === null ? '' : `, the oldest for ${formatDuration(status.now - oldestPendingAt)}`;
  return [
    `site ${status.site}, version ${status.version}, running for ${formatDuration(status.now - status.startedAt)}`,
    `queue: ${waiting} waiting${oldest}; ${recipients.held} held, ${recipients.failed} failed, ${recipients.delivered} delivered in the history`,
    ...(uncertainAttempts === 0
      ? []
      : [
          `uncertain: ${formatCount(uncertainAttempts, 'attempt')} without a last reply, so a message may have arrived twice`,
        ]),
    `spool: ${formatBytes(databaseBytes)} of ${formatBytes(maxBytes)}, ${formatBytes(freeBytes)} free on the disk`,
    ...(refusal === null ? [] : [`new mail is refused for now (452): ${refusal.cause}`]),
    '',
    formatRoutes(status.routes, status.now),
    ...(status.broker === null ? [] : ['', formatBroker(status.broker, status.now)]),
    '',
    formatGrade(status.health.grade, status.health.problems),
  ].join('\n');
}

function formatBroker({ connected, since, error }: BrokerFacts, now: number): string {
  const duration = formatDuration(now - since);
  if (connected) return `broker: connected for ${duration}`;
  return `broker: not connected for ${duration}${error === null ? '' : `: ${error.cause} ${error.advice}`}`;
}

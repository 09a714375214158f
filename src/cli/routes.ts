/** `scanferry routes`: the ways out, and pausing or resuming one by hand. */
import type { Command } from 'commander';
import type { CommandOutput } from '../control/commands.ts';
import { wrapText } from '../core/break-lines.ts';
import type { CliContext } from './context.ts';
import { formatCount, formatDuration, formatTable } from './output.ts';

type RouteStatus = CommandOutput<'routes.list'>[number];

export function addRoutesCommand(program: Command, context: CliContext): void {
  const routes = program.command('routes').description('the ways out to Microsoft 365');
  routes
    .command('list', { isDefault: true })
    .description('show every route and why it is paused')
    .action(async () => {
      const list = await context.client().call('routes.list', {});
      context.exitCode = list.some(isInTrouble) ? 1 : 0;
      if (context.asJson()) context.output.json(list);
      else context.output.line(formatRoutes(list, Date.now()));
    });
  for (const verb of ['pause', 'resume'] as const) {
    routes
      .command(verb)
      .description(
        verb === 'pause' ? 'send nothing by a route until it is resumed' : 'try a paused route at once',
      )
      .argument('<route>')
      .action(async (id: string) => {
        const status = await context.client().call(`routes.${verb}`, { id, by: operator(context.env) });
        if (context.asJson()) context.output.json(status);
        else context.output.line(`${id} is ${status.state === 'open' ? 'open' : status.state}`);
      });
  }
}

/** Who gave a command, for the history. */
export function operator(env: Record<string, string | undefined>): string {
  return env['SUDO_USER'] ?? env['USER'] ?? 'operator';
}

/** Whether something waits for the route, all of its mail or only that to outside recipients. */
export function isInTrouble({ state, outsidePause }: RouteStatus): boolean {
  return state !== 'open' || outsidePause !== undefined;
}

export function formatRoutes(routes: RouteStatus[], now: number): string {
  const table = formatTable(
    ['ROUTE', 'KIND', 'STATE', 'LAST SUCCESS', 'LEFT THIS MINUTE', 'LEFT TODAY'],
    routes.map((route) => [
      route.id,
      route.kind,
      route.state === 'open' && route.outsidePause ? 'open inside' : route.state,
      route.lastSuccessAt === null ? 'none yet' : `${formatDuration(now - route.lastSuccessAt)} ago`,
      formatCount(route.budget.messagesThisMinute, 'message'),
      formatCount(route.budget.recipientsToday, 'recipient'),
    ]),
  );
  return table + formatPauses(routes, now);
}

/** Why routes are paused, each after a blank line; '' where none is. */
export function formatPauses(routes: RouteStatus[], now: number): string {
  const lines = routes.flatMap(({ id, pause, outsidePause }) => [
    ...(pause === null ? [] : ['', ...formatPause(id, pause, now)]),
    ...(outsidePause
      ? ['', ...formatPause(`${id}, for recipients outside the tenant,`, outsidePause, now)]
      : []),
  ]);
  return lines.map((line) => `\n${line}`).join('');
}

const YEAR_MS = 365 * 24 * 3600 * 1000;

/** A pause by hand has no end of its own: its time lies past any that a person would wait for. */
function formatNextTry(ms: number): string {
  if (ms > YEAR_MS) return ', until it is resumed';
  return ms > 0 ? `, next try in ${formatDuration(ms)}` : '';
}

function formatPause(whom: string, pause: NonNullable<RouteStatus['pause']>, now: number): string[] {
  return [
    `${whom} has been paused for ${formatDuration(now - pause.since)} (${pause.code})${formatNextTry(pause.until - now)}`,
    wrapText(pause.cause, 2),
    wrapText(pause.advice, 2),
    ...(pause.reply === null ? [] : [`  reply: ${pause.reply.replaceAll('\n', '\n         ')}`]),
  ];
}

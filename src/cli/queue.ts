/** `scanferry queue`: what waits, what failed, and what to do with it. */
import type { Command } from 'commander';
import type { CommandInput, CommandOutput } from '../control/commands.ts';
import type { RecipientState } from '../core/message.ts';
import type { CliContext } from './context.ts';
import { exportBody } from './export.ts';
import {
  type FilterOptions,
  filterOf,
  nextPageHint,
  pageBefore,
  pageLimit,
  pageOf,
  usage,
  withFilter,
} from './filter.ts';
import { formatDetail, sourceOf, stateNote } from './message-text.ts';
import { formatBytes, formatCount, formatTable, formatTime } from './output.ts';
import { formatPauses, operator } from './routes.ts';

type MessageSummary = CommandOutput<'queue.list'>[number];
type OperatorAction = CommandInput<'queue.act'>['action'];

/** What `queue list` shows when no state is named: all that is not over. */
const UNFINISHED: RecipientState[] = ['queued', 'sending', 'deferred', 'held', 'failed'];

const ACTIONS: Record<OperatorAction, string> = {
  retry: 'send deferred or failed messages now',
  hold: 'keep messages back until they are released',
  release: 'let held messages go',
  cancel: 'give messages up and erase their bodies',
};

export function addQueueCommand(program: Command, context: CliContext): void {
  const queue = program.command('queue').description('the messages in the box');
  withFilter(queue.command('list', { isDefault: true }).description('list messages, newest first'))
    .option('--limit <count>', 'most messages to show', '100')
    .option('--before <id>', 'only messages older than this one (next page)')
    .action((options: FilterOptions & { limit: string; before?: string }) => list(context, options));
  queue
    .command('show')
    .description('one message with every attempt')
    .argument('<id>')
    .action((id: string) => show(context, id));
  for (const [action, description] of Object.entries(ACTIONS) as [OperatorAction, string][]) {
    withFilter(queue.command(action).description(description).argument('[ids...]'))
      .option('--all', 'every message the action fits')
      .action((ids: string[], options: FilterOptions) => act(context, action, ids, options));
  }
  queue
    .command('export')
    .description('write the body of a message as .eml')
    .argument('<id>')
    .argument('<file>', 'file or folder to write to, or - for standard output')
    .action((id: string, file: string) => exportBody(context, id, file));
}

const PAGE_MAX = 1000;

async function list(
  context: CliContext,
  options: FilterOptions & { limit: string; before?: string },
): Promise<void> {
  const limit = pageLimit('queue', options.limit, PAGE_MAX);
  const found = await context.client().call('queue.list', {
    filter: { ...filterOf('queue', options), states: options.state ?? UNFINISHED },
    limit: limit + 1,
    before: pageBefore('queue', options.before),
  });
  const { messages, next } = pageOf(found, limit);
  if (context.asJson()) return context.output.json({ messages, next });
  context.output.line(
    messages.length === 0 ? emptyText(options) : formatList(messages, context.output.width ?? null),
  );
  if (next !== null) context.output.line(`\n${nextPageHint('queue list', options, next)}`);
  if (messages.some(isWaiting)) await explainPauses(context);
}

function emptyText(options: FilterOptions): string {
  return Object.keys(filterOf('queue', options)).length === 0
    ? 'The queue is empty.'
    : 'There is nothing in the queue that fits.';
}

function isWaiting({ recipients }: MessageSummary): boolean {
  return recipients.some(({ state }) => state === 'queued' || state === 'deferred');
}

/** What waits may wait for a route: say which one is paused, and why. */
async function explainPauses(context: CliContext): Promise<void> {
  const pauses = formatPauses(await context.client().call('routes.list', {}), Date.now());
  if (pauses !== '') context.output.line(pauses.trimStart());
}

function formatList(messages: MessageSummary[], width: number | null): string {
  const rows = messages.flatMap((message) =>
    message.recipients.map((recipient, index) => [
      index === 0 ? message.head.id : '',
      index === 0 ? formatTime(message.head.receivedAt) : '',
      index === 0 ? sourceOf(message.head) : '',
      index === 0 ? formatBytes(message.head.bodyBytes) : '',
      recipient.state,
      recipient.address,
    ]),
  );
  return formatTable(
    ['ID', 'RECEIVED', 'DEVICE', 'SIZE', 'STATE', 'RECIPIENT'],
    rows,
    messages.flatMap((message) => message.recipients.map((recipient) => stateNote(recipient))),
    width,
  );
}

async function show(context: CliContext, id: string): Promise<void> {
  const detail = await context.client().call('queue.show', { id });
  if (context.asJson()) context.output.json(detail);
  else context.output.line(formatDetail(detail, context.output.width ?? null));
}

async function act(
  context: CliContext,
  action: OperatorAction,
  ids: string[],
  options: FilterOptions,
): Promise<void> {
  const filter = filterOf('queue', options);
  if (ids.length === 0 && Object.keys(filter).length === 0 && options.all !== true) {
    throw usage('queue', `queue ${action} needs message ids, a filter such as --device, or --all.`);
  }
  const result = await context.client().call('queue.act', {
    action,
    filter: ids.length === 0 ? filter : { ...filter, ids },
    by: operator(context.env),
  });
  context.exitCode = result.changed === 0 ? 1 : 0;
  if (context.asJson()) context.output.json(result);
  else context.output.line(describeChange(action, result, ids));
}

/** What was left alone is told for messages that were named: a filter or --all means only what the action fits. */
function describeChange(
  action: OperatorAction,
  { changed, skipped }: CommandOutput<'queue.act'>,
  ids: string[],
): string {
  if (changed + skipped === 0 && ids.length > 0)
    return `${action}: there is no such message: ${ids.join(', ')}`;
  if (changed === 0 && ids.length === 0) return `${action}: there is nothing to ${action}`;
  const done = `${action}: ${formatCount(changed, 'recipient')} changed`;
  return skipped === 0 || ids.length === 0
    ? done
    : `${done}; ${formatCount(skipped, 'recipient')} left alone: ${action} does not fit the state`;
}

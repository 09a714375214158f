/** `scanferry history`: what was delivered and what failed, each attempt with its verbatim reply. */
import type { Command } from 'commander';
import type { RecipientState } from '../core/message.ts';
import type { CliContext } from './context.ts';
import { type FilterOptions, filterOf, pageLimit, usage, withFilter } from './filter.ts';
import { formatHistory } from './message-text.ts';

const SETTLED: RecipientState[] = ['delivered', 'failed', 'cancelled'];
const PAGE_MAX = 200;

interface HistoryOptions extends FilterOptions {
  since?: string;
  limit: string;
  before?: string;
}

export function addHistoryCommand(program: Command, context: CliContext): void {
  withFilter(program.command('history'), SETTLED)
    .description('show delivered and failed messages with every reply, newest first')
    .option('--since <time>', 'only messages received since a date such as 2026-11-24 or 2026-11-24T08:00')
    .option('--limit <count>', 'most messages to show', '20')
    .option('--before <id>', 'only messages older than this one (next page)')
    .action((options: HistoryOptions) => show(context, options));
}

async function show(context: CliContext, options: HistoryOptions): Promise<void> {
  const limit = pageLimit('history', options.limit, PAGE_MAX);
  const messages = await context.client().call('history.list', {
    filter: { ...filterOf(options), ...sinceOf(options), states: options.state ?? SETTLED },
    limit,
    before: options.before ?? null,
  });
  if (context.asJson()) return context.output.json(messages);
  if (messages.length === 0) return context.output.line('There is nothing in the history that fits.');
  context.output.line(messages.map(formatHistory).join('\n\n'));
  const last = messages.at(-1);
  if (last !== undefined && messages.length === limit)
    context.output.line(`\nMore: scanferry history --before ${last.head.id}`);
}

function sinceOf({ since }: HistoryOptions): { since?: number } {
  if (since === undefined) return {};
  // A date alone would be read as UTC; an operator means the day of the box.
  const time = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(since) ? `${since}T00:00` : since);
  if (Number.isNaN(time))
    throw usage('history', '--since takes a date such as 2026-11-24 or 2026-11-24T08:00.');
  return { since: time };
}

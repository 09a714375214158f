/** `scanferry history`: what was delivered and what failed, each attempt with its verbatim reply. */
import type { Command } from 'commander';
import type { RecipientState } from '../core/message.ts';
import type { CliContext } from './context.ts';
import {
  type FilterOptions,
  filterOf,
  nextPageHint,
  pageBefore,
  pageLimit,
  pageOf,
  withFilter,
} from './filter.ts';
import { formatHistory } from './message-text.ts';

const SETTLED: RecipientState[] = ['delivered', 'failed', 'cancelled'];
const PAGE_MAX = 200;

interface HistoryOptions extends FilterOptions {
  limit: string;
  before?: string;
}

export function addHistoryCommand(program: Command, context: CliContext): void {
  withFilter(program.command('history'), SETTLED)
    .description('show delivered and failed messages with every reply, newest first')
    .option('--limit <count>', 'most messages to show', '20')
    .option('--before <id>', 'only messages older than this one (next page)')
    .action((options: HistoryOptions) => show(context, options));
}

async function show(context: CliContext, options: HistoryOptions): Promise<void> {
  const limit = pageLimit('history', options.limit, PAGE_MAX);
  const found = await context.client().call('history.list', {
    filter: { ...filterOf('history', options), states: options.state ?? SETTLED },
    limit: limit + 1,
    before: pageBefore('history', options.before),
  });
  const { messages, next } = pageOf(found, limit);
  if (context.asJson()) return context.output.json({ messages, next });
  if (messages.length === 0) return context.output.line('There is nothing in the history that fits.');
  const width = context.output.width ?? null;
  context.output.line(messages.map((message) => formatHistory(message, width)).join('\n\n'));
  if (next !== null) context.output.line(`\n${nextPageHint('history', options, next)}`);
}

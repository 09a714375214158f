/** The options by which commands name messages. */
import { type Command, Option } from 'commander';
import type { CommandInput } from '../control/commands.ts';
import { OperatorError } from '../core/errors.ts';
import type { RecipientState } from '../core/message.ts';
import { PROBLEMS } from './problems.ts';

type MessageFilter = CommandInput<'queue.list'>['filter'];

export interface FilterOptions {
  state?: RecipientState[];
  device?: string;
  sender?: string;
  recipient?: string;
  since?: string;
  until?: string;
  all?: true;
}

const STATES: RecipientState[] = [
  'queued',
  'sending',
  'deferred',
  'held',
  'failed',
  'delivered',
  'cancelled',
];

export function withFilter(command: Command, states: readonly RecipientState[] = STATES): Command {
  return command
    .addOption(new Option('--state <state...>', 'only recipients in these states').choices(states))
    .option('--device <id>', 'only from this device, by its id, or by its address where it has none')
    .option('--sender <address>', 'only from this sender')
    .option('--recipient <address>', 'only to this recipient')
    .option(
      '--since <time>',
      'only received in the last 2h (or 30m, 3d), or since 2026-11-24 or 2026-11-24T08:00',
    )
    .option('--until <time>', 'only received before that time');
}

/** @throws OperatorError (exit code 2) for a time that is none. */
export function filterOf(command: string, options: FilterOptions): MessageFilter {
  const now = Date.now();
  return {
    ...(options.state ? { states: options.state } : {}),
    ...(options.device ? { device: options.device } : {}),
    ...(options.sender ? { sender: options.sender } : {}),
    ...(options.recipient ? { recipient: options.recipient } : {}),
    ...(options.since ? { since: readTime(command, '--since', options.since, now) } : {}),
    ...(options.until ? { until: readTime(command, '--until', options.until, now) } : {}),
  };
}

const UNITS_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

function readTime(command: string, option: string, text: string, now: number): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (unitMs !== undefined) return now - Number(count) * unitMs;
  // A date alone would be read as UTC; an operator means the day of the box.
  const isDate = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|$)/.test(text);
  const time = isDate ? Date.parse(text.length === 10 ? `${text}T00:00` : text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw usage(command, `${option} takes a time such as 2h, 3d, 2026-11-24 or 2026-11-24T08:00.`);
}

/** Reads `--limit`; throws OperatorError for what is no number of messages. */
export function pageLimit(command: string, text: string, max: number): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= max) return limit;
  throw usage(command, `--limit takes a number from 1 to ${max}.`);
}

/** Reads `--before`; throws OperatorError for what is no message id. */
export function pageBefore(command: string, text: string | undefined): string | null {
  if (text === undefined || MESSAGE_ID.test(text)) return text ?? null;
  throw usage(command, '--before takes the id of a message, as the line below a page shows it.');
}

const MESSAGE_ID = /^[0-9a-z]{16}$/;

/** A page and where the next one begins: `--before` takes it. */
export interface ListPage<M> {
  messages: M[];
  /** Null on the last page. */
  next: string | null;
}

/** @param messages up to one more than `limit`, so that the last page is known as the last. */
export function pageOf<M extends { head: { id: string } }>(messages: M[], limit: number): ListPage<M> {
  const shown = messages.slice(0, limit);
  return { messages: shown, next: messages.length > limit ? (shown.at(-1)?.head.id ?? null) : null };
}

/** The command that shows the next page, with everything that narrowed this one. */
export function nextPageHint(
  command: string,
  options: FilterOptions & { limit: string },
  next: string,
): string {
  const words = [
    ...(['state', 'device', 'sender', 'recipient', 'since', 'until'] as const).flatMap((name) =>
      options[name] === undefined ? [] : [`--${name}`, ...[options[name]].flat()],
    ),
    ...['--limit', options.limit, '--before', next],
  ];
  return `More: scanferry ${command} ${words.map(quoted).join(' ')}`;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function usage(command: string, cause: string): OperatorError {
  return new OperatorError(PROBLEMS.usage(command, cause), { exitCode: 2 });
}

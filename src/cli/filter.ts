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
    .option('--device <id>', 'only from this device')
    .option('--sender <address>', 'only from this sender')
    .option('--recipient <address>', 'only to this recipient');
}

export function filterOf(options: FilterOptions): MessageFilter {
  return {
    ...(options.state ? { states: options.state } : {}),
    ...(options.device ? { device: options.device } : {}),
    ...(options.sender ? { sender: options.sender } : {}),
    ...(options.recipient ? { recipient: options.recipient } : {}),
  };
}

/** Reads `--limit`; throws OperatorError for what is no number of messages. */
export function pageLimit(command: string, text: string, max: number): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= max) return limit;
  throw usage(command, `--limit takes a number from 1 to ${max}.`);
}

export function usage(command: string, cause: string): OperatorError {
  return new OperatorError(PROBLEMS.usage(command, cause), { exitCode: 2 });
}

/** Runs one row of the command table for whoever asks: the socket, or a signed command. */
import { COMMANDS, type CommandName } from './commands.ts';
import type { ControlDeps } from './deps.ts';
import { parseInput } from './parse-input.ts';

/** Nobody leaves: the answer goes where it is kept. */
const NEVER = new AbortController().signal;

/**
 * Checks `input` by the row's own schema and runs it.
 * @param gone aborted when whoever asked has left.
 * @throws OperatorError for input that does not fit, and for whatever the command says no to.
 */
export async function runCommand(
  deps: ControlDeps,
  name: CommandName,
  input: unknown,
  gone: AbortSignal = NEVER,
): Promise<unknown> {
  const { input: schema, run } = COMMANDS[name];
  // The schema of the same row has produced it; TypeScript can't follow a union of rows.
  return (run as (deps: ControlDeps, input: unknown, gone: AbortSignal) => Promise<unknown>)(
    deps,
    parseInput(name, schema, input),
    gone,
  );
}

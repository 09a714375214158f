/** Runs one row of the command table for whoever asks: the socket, or a signed command. */
import { COMMANDS, type CommandName } from './commands.ts';
import type { ControlDeps } from './deps.ts';
import { parseInput } from './parse-input.ts';

/**
 * Checks `input` by the row's own schema and runs it.
 * @throws OperatorError for input that does not fit, and for whatever the command says no to.
 */
export async function runCommand(deps: ControlDeps, name: CommandName, input: unknown): Promise<unknown> {
  const { input: schema, run } = COMMANDS[name];
  // The schema of the same row has produced it; TypeScript can't follow a union of rows.
  return (run as (deps: ControlDeps, input: unknown) => Promise<unknown>)(
    deps,
    parseInput(name, schema, input),
  );
}

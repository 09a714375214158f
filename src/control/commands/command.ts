/** One row of the command table: the shape of its input, and what it does. */
import type * as z from 'zod';
import type { ControlDeps } from '../deps.ts';

/**
 * Who asks is always said: a name for the record, such as `cli`, `web` or `mqtt:key-1`. `gone` is aborted when whoever
 * asked has left: only what waits for something has a use for it.
 */
export function command<I extends z.ZodType, O>(
  input: I,
  run: (deps: ControlDeps, input: z.output<I>, gone: AbortSignal) => Promise<O>,
) {
  return { input, run };
}

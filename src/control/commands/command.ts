/** One row of the command table: the shape of its input, and what it does. */
import type * as z from 'zod';
import type { ControlDeps } from '../deps.ts';

/** Who asks is always said: a name for the record, such as `cli`, `web` or `mqtt:key-1`. */
export function command<I extends z.ZodType, O>(
  input: I,
  run: (deps: ControlDeps, input: z.output<I>) => Promise<O>,
) {
  return { input, run };
}

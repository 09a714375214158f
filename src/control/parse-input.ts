/** Input of a command as its schema wants it. */
import type * as z from 'zod';
import { OperatorError } from '../core/errors.ts';
import { PROBLEMS } from './problems.ts';

/** @throws OperatorError (exit code 2) that names every key which does not fit. */
export function parseInput<S extends z.ZodType>(name: string, schema: S, input: unknown): z.output<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new OperatorError(PROBLEMS.badInput(name, inputFaults(parsed.error)), { exitCode: 2 });
}

/** What does not fit, as the middle of a sentence: `to: expected an e-mail address; ...`. */
export function inputFaults({ issues }: z.ZodError): string {
  return issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ');
}

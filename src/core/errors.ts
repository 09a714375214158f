/** Errors an operator is meant to read: what is wrong, where, and what to do. */

/** One row of a room's table of user-visible errors. */
export interface Explanation {
  /** Stable dotted code, such as `route.signin-refused`; docs and logs name it. */
  code: string;
  /** What happened, in plain English, one sentence. */
  cause: string;
  /** What a person can do about it, one sentence. */
  advice: string;
}

/** Exit codes of the command line (design: 0 good, 1 found a problem, 2 wrong usage or config). */
export type ExitCode = 0 | 1 | 2;

/** An expected failure that ends a command or a start: printed as sentences, never as a stack. */
export class OperatorError extends Error {
  readonly explanation: Explanation;
  readonly exitCode: ExitCode;

  constructor(explanation: Explanation, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
    super(explanation.cause, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OperatorError';
    this.explanation = explanation;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Whether a file could not be read because there is none. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

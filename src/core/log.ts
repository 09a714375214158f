/** The shape of a log; the writer itself is made in src/program/log.ts so that core stays free of output. */

/** Values that may stand in a log line: never a body, a subject or a secret. */
export type LogFields = Record<string, unknown>;

/** `event` is a stable dotted name, equal to the event table's where there is one. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
}

/** What an error tells a log: its message, its code where it has one, and the causes behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const named = 'code' in error && typeof error.code === 'string' && !error.message.includes(error.code);
  const code = named ? ` (${error.code})` : '';
  const cause = error.cause === undefined ? '' : `: ${describeError(error.cause)}`;
  return `${error.message}${code}${cause}`;
}

/** How the command line prints: tables for people, JSON for scripts, sentences for errors. */
import { type ExitCode, OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';

export interface Output {
  line(text?: string): void;
  error(text: string): void;
  json(value: unknown): void;
}

export const terminalOutput: Output = {
  line: (text = '') => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
  json: (value) => process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
};

/** Rows as columns padded to their widest cell; the last column is left as it is. */
export function formatTable(header: string[], rows: string[][]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Prints an error as sentences and returns the exit code for it. A stack is shown for our own mistakes only. */
export function reportError(output: Output, error: unknown, asJson: boolean): ExitCode {
  if (error instanceof OperatorError) {
    if (asJson) output.json({ error: error.explanation });
    else output.error(`scanferry: ${error.explanation.cause}\n${error.explanation.advice}`);
    return error.exitCode;
  }
  if (asJson) output.json({ error: { code: 'cli.unexpected', cause: describeError(error), advice: '' } });
  else
    output.error(
      `scanferry: unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  return 1;
}

const SECOND = 1000;
const STEPS: [number, string][] = [
  [86_400 * SECOND, 'd'],
  [3600 * SECOND, 'h'],
  [60 * SECOND, 'min'],
  [SECOND, 's'],
];

/** A length of time in its largest fitting unit, such as `3 min`. */
export function formatDuration(ms: number): string {
  const [size, unit] = STEPS.find(([step]) => ms >= step) ?? [SECOND, 's'];
  return `${Math.round(ms / size)} ${unit}`;
}

/** Local date and time to the second. */
export function formatTime(epochMs: number): string {
  const date = new Date(epochMs);
  const pad = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** A size in KB or MB of 1024. */
export function formatBytes(bytes: number): string {
  const kib = bytes / 1024;
  return kib < 1024 ? `${Math.max(kib, bytes > 0 ? 0.1 : 0).toFixed(1)} KB` : `${(kib / 1024).toFixed(1)} MB`;
}

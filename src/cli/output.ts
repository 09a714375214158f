/** How the command line prints: tables for people, JSON for scripts, sentences for errors. */
import { TEXT_COLUMNS, wrapText } from '../core/break-lines.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../core/durations.ts';
import { type ExitCode, OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { PROBLEMS } from './problems.ts';

export interface Output {
  line(text?: string): void;
  error(text: string): void;
  json(value: unknown): void;
  /** Columns of the terminal; left out where there is none, and then nothing is cut. */
  readonly width?: number | undefined;
}

export const terminalOutput: Output = {
  line: (text = '') => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
  json: (value) => process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
  get width() {
    return process.stdout.isTTY ? process.stdout.columns : undefined;
  },
};

/**
 * Rows as columns padded to their widest cell; the last column is left as it is. Where the terminal is narrower, cells
 * are cut, but never those of the first column: it holds what other commands take.
 * `notes[i]` is a sentence that stands below row i, so that long ones don't widen the table.
 */
export function formatTable(
  header: string[],
  rows: string[][],
  notes: string[] = [],
  terminalWidth: number | null = null,
): string {
  const all = [header, ...rows];
  const natural = header.map((_, column) =>
    all.reduce((widest, row) => Math.max(widest, (row[column] ?? '').length), 0),
  );
  const widths = terminalWidth === null ? natural : fitWidths(natural, terminalWidth);
  return all
    .flatMap((row, index) => {
      const line = row
        .map((cell, column) => cut(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0))
        .join(GAP)
        .trimEnd();
      const note = notes[index - 1] ?? '';
      return note === '' ? [line] : [line, wrapText(note, NOTE_INDENT, terminalWidth ?? TEXT_COLUMNS)];
    })
    .join('\n');
}

export interface LiveTable {
  /** Prints a row at once, and sentences below it; the header goes before the first row. */
  row(cells: readonly string[], notes: readonly string[]): void;
}

/** A table whose rows are printed as they come, so its columns are as wide as they were declared, or narrower. */
export function createLiveTable(output: Output, columns: Readonly<Record<string, number>>): LiveTable {
  const natural = Object.values(columns);
  const widths = fitWidths(natural, Math.min(output.width ?? TEXT_COLUMNS, TEXT_COLUMNS));
  const print = (cells: readonly string[]): void =>
    output.line(
      cells
        .map((cell, column) => cut(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0))
        .join(GAP)
        .trimEnd(),
    );
  let hasHeader = false;
  return {
    row(cells, notes) {
      if (!hasHeader) print(Object.keys(columns));
      hasHeader = true;
      print(cells);
      for (const note of notes) output.line(wrapText(note, NOTE_INDENT, output.width ?? TEXT_COLUMNS));
    },
  };
}

const GAP = '  ';
const NOTE_INDENT = 4;
/** A cell that is cut further says nothing. */
const CELL_MIN = 8;

/** Takes from the widest column but the first, again and again, until the row fits or nothing can be taken. */
function fitWidths(natural: readonly number[], terminalWidth: number): number[] {
  const widths = [...natural];
  const excess = () =>
    widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - terminalWidth;
  while (excess() > 0) {
    const widest = Math.max(...widths.slice(1));
    if (widest <= CELL_MIN) break;
    widths[widths.lastIndexOf(widest)] = widest - 1;
  }
  return widths;
}

function cut(cell: string, width: number): string {
  return cell.length <= width ? cell : `${cell.slice(0, Math.max(0, width - 1))}…`;
}

/** A number with its noun, such as `1 recipient` or `3 recipients`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Prints an error as sentences and returns the exit code for it. A stack is shown for our own mistakes only. */
export function reportError(output: Output, error: unknown, asJson: boolean): ExitCode {
  if (error instanceof OperatorError) {
    if (asJson) output.json({ error: error.explanation });
    else output.error(`scanferry: ${error.explanation.cause}\n${error.explanation.advice}`);
    return error.exitCode;
  }
  if (asJson) output.json({ error: PROBLEMS.unexpected(describeError(error)) });
  else
    output.error(
      `scanferry: unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  return 1;
}

const STEPS: [number, string][] = [
  [DAY_MS, 'd'],
  [HOUR_MS, 'h'],
  [MINUTE_MS, 'min'],
  [SECOND_MS, 's'],
];

/** A length of time in its largest fitting unit, such as `3 min`. */
export function formatDuration(ms: number): string {
  const [size, unit] = STEPS.find(([step]) => ms >= step) ?? [SECOND_MS, 's'];
  return `${Math.round(ms / size)} ${unit}`;
}

/** Local date and time to the second. */
export function formatTime(epochMs: number): string {
  const date = new Date(epochMs);
  const pad = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** A size in KB, MB or GB of 1024. */
export function formatBytes(bytes: number): string {
  const kib = bytes / 1024;
  if (kib < 1024) return `${Math.max(kib, bytes > 0 ? 0.1 : 0).toFixed(1)} KB`;
  const mib = kib / 1024;
  return mib < 1024 ? `${mib.toFixed(1)} MB` : `${(mib / 1024).toFixed(1)} GB`;
}

/** A protocol version as people write it: `TLS 1.0` for Node's `TLSv1`. */
export function formatTlsVersion(protocol: string): string {
  const version = protocol.replace(/^TLSv/, '');
  return `TLS ${version.includes('.') ? version : `${version}.0`}`;
}

/** How the command line prints: tables for people, JSON for scripts, sentences for errors. */
import { breakLines, TEXT_COLUMNS, wrapText } from '../core/break-lines.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../core/durations.ts';
import { type ExitCode, OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { PROBLEMS } from './problems.ts';

export interface Output {
  line(text?: string): void;
  error(text: string): void;
  json(value: unknown): void;
  /** Columns of the terminal; left out where there is none, and then nothing is broken. */
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
 * Rows as columns padded to their widest cell. Where the terminal is narrower, cells go on in the line below, but never
 * those of the first column: it holds what other commands take.
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
  const widths = terminalWidth === null ? natural : fitWidths(natural, terminalWidth, longestWords(all));
  return all
    .flatMap((row, index) => {
      const note = notes[index - 1] ?? '';
      const below = note === '' ? [] : [wrapText(note, NOTE_INDENT, terminalWidth ?? TEXT_COLUMNS)];
      return [...rowLines(row, widths), ...below];
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
  const print = (cells: readonly string[]): void => {
    for (const line of rowLines(cells, widths)) output.line(line);
  };
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
/** A cell that is narrower is hard to read. */
const CELL_MIN = 8;
/** Longer words, such as addresses, are broken before the shorter ones of other columns. */
const WHOLE_WORD_MAX = 12;

/** Takes from the widest column but the first, again and again, until the row fits or nothing can be taken. */
function fitWidths(
  natural: readonly number[],
  terminalWidth: number,
  words: readonly number[] = [],
): number[] {
  const widths = [...natural];
  const excess = () =>
    widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - terminalWidth;
  const takeDownTo = (floor: (column: number) => number): void => {
    while (excess() > 0) {
      const room = widths.map((width, column) => (column > 0 && width > floor(column) ? width : 0));
      const widest = Math.max(0, ...room);
      if (widest === 0) return;
      widths[room.lastIndexOf(widest)] = widest - 1;
    }
  };
  takeDownTo((column) => Math.max(CELL_MIN, Math.min(WHOLE_WORD_MAX, words[column] ?? 0)));
  takeDownTo(() => CELL_MIN);
  return widths;
}

function longestWords(rows: readonly string[][]): number[] {
  const longest: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      for (const word of cell.split(' ')) longest[column] = Math.max(longest[column] ?? 0, word.length);
    });
  }
  return longest;
}

function rowLines(cells: readonly string[], widths: readonly number[]): string[] {
  const broken = cells.map((cell, column) => breakCell(cell, widths[column] ?? 0));
  const height = broken.reduce((most, lines) => Math.max(most, lines.length), 1);
  return Array.from({ length: height }, (_, index) =>
    broken
      .map((lines, column) => (lines[index] ?? '').padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

/** Breaks between words; one that is longer than the column, behind the last sign of its names that fits, or anywhere. */
function breakCell(cell: string, width: number): string[] {
  if (cell.length <= width) return [cell];
  return breakLines(cell, width).flatMap((line) => {
    const pieces: string[] = [];
    let rest = line;
    while (rest.length > width) {
      const end = /^.*[@./:_-]/.exec(rest.slice(0, width))?.[0].length ?? width;
      pieces.push(rest.slice(0, end));
      rest = rest.slice(end);
    }
    return [...pieces, rest];
  });
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

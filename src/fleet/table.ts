/** The table of all sites for a terminal: pure, so that it fits any width and can be drawn again in place. */
import type { Explanation } from '../core/errors.ts';
import { formatAgo, formatCount, formatDuration } from './format.ts';
import { LEVELS, type Level, type SiteRow } from './types.ts';

export interface TableOptions {
  now: number;
  /** Columns of the terminal. */
  width: number;
  hasColour: boolean;
}

const ESC = '\u001b[';
const RESET = `${ESC}0m`;
const COLOURS: Record<Level, string> = {
  fail: `${ESC}1;31m`,
  warn: `${ESC}33m`,
  ok: `${ESC}32m`,
  off: `${ESC}90m`,
};
const WORDS: Record<Level, string> = { fail: 'FAIL', warn: 'WARN', ok: 'OK', off: 'STOPPED' };

interface Column {
  head: string;
  isNumber: boolean;
  cell(row: SiteRow, now: number): string;
}

const STATE: Column = { head: 'STATE', isNumber: false, cell: stateWord };
const COLUMNS: readonly Column[] = [
  STATE,
  { head: 'SITE', isNumber: false, cell: ({ site }) => cut(site, SITE_WIDTH_MAX) },
  { head: 'QUEUE', isNumber: true, cell: ({ queue }) => (queue === null ? '–' : formatCount(queue)) },
  { head: 'OLDEST', isNumber: true, cell: ({ oldestS }) => (oldestS ? formatDuration(oldestS * 1000) : '–') },
  {
    head: 'SEEN',
    isNumber: false,
    cell: ({ lastSeenAt }, now) => (lastSeenAt === null ? 'never' : formatAgo(lastSeenAt, now)),
  },
];

const SITE_WIDTH_MAX = 28;
/** A sentence in fewer columns says nothing; it then stands on a line of its own. */
const SENTENCE_WIDTH_MIN = 44;
const GAP = '  ';
/** Before a sentence on a line of its own. */
export const SENTENCE_INDENT = '        ';

/** Head and lines of `rows`; with `sentences` left out where there is nothing to say. */
export function siteTable(rows: readonly SiteRow[], options: TableOptions): string[] {
  const cells = rows.map((row) => COLUMNS.map((column) => column.cell(row, options.now)));
  const widths = COLUMNS.map(({ head }, index) =>
    Math.max(head.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const used = widths.reduce((sum, width) => sum + width + GAP.length, 0);
  const isBeside = options.width - used >= SENTENCE_WIDTH_MIN;
  const head = joinCells(
    COLUMNS.map(({ head: text }) => text),
    widths,
  );
  const lines = rows.flatMap((row, index) => {
    const line = joinCells(cells[index] ?? [], widths);
    const sentence = row.problem?.cause ?? '';
    if (isBeside || sentence === '')
      return [paint(cut(`${line}${GAP}${sentence}`.trimEnd(), options.width), row, options)];
    return [
      paint(cut(line.trimEnd(), options.width), row, options),
      cut(`${SENTENCE_INDENT}${sentence}`, options.width),
    ];
  });
  return [cut((isBeside ? `${head}${GAP}WHAT IS WRONG` : head).trimEnd(), options.width), ...lines];
}

function stateWord({ level, reach }: SiteRow): string {
  return reach === 'offline' || reach === 'silent' || reach === 'returning'
    ? reach.toUpperCase()
    : WORDS[level];
}

function joinCells(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, index) => {
      const width = widths[index] ?? 0;
      return COLUMNS[index]?.isNumber === true ? cell.padStart(width) : cell.padEnd(width);
    })
    .join(GAP);
}

/** The first word in the colour of its grade. */
function paint(line: string, row: SiteRow, { hasColour }: TableOptions): string {
  if (!hasColour) return line;
  const word = stateWord(row);
  return line.startsWith(word) ? `${COLOURS[row.level]}${word}${RESET}${line.slice(word.length)}` : line;
}

/** At most `width` characters, the last one an ellipsis where something is left out. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** `10,000 sites: 3 fail, 12 warn, 9,980 ok, 5 stopped`. */
export function countLine(rows: readonly SiteRow[]): string {
  const counts = LEVELS.map((level) => [level, rows.filter((row) => row.level === level).length] as const);
  const parts = counts
    .filter(([, count]) => count > 0)
    .map(([level, count]) => `${formatCount(count)} ${WORDS[level].toLowerCase()}`);
  const total = `${formatCount(rows.length)} ${rows.length === 1 ? 'site' : 'sites'}`;
  return parts.length === 0 ? total : `${total}: ${parts.join(', ')}`;
}

/** The sentence of a broker that is away. */
export function troubleLine(trouble: Explanation): string {
  return `No connection to the broker: ${trouble.cause}`;
}

/** Tabs that indent a YAML file, told once: the parser stumbles over each of them, and over the lines around it. */
import { LineCounter, parseDocument, type YAMLParseError } from 'yaml';

export interface TabMistake {
  /** The first line that such a tab spoils, 1-based. */
  line: number;
  message: string;
}

export interface SortedErrors {
  tabs: TabMistake | null;
  /** Those that no tab is to blame for. */
  others: readonly YAMLParseError[];
}

/** What stands in front of a line's text, also behind the dash of a list. Blank lines and comments may have any. */
const INDENT = /^[ \t]*(?:-[ \t]+)*(?=[^\s#])/;
/** Which width of a tab the author sees is unknown. */
const TAB_WIDTHS = [2, 4, 8];

/**
 * Takes the errors of `text` apart. A tab is to blame for those that go away with spaces in its place, if one of them
 * stands where a tab indents: what stays at every width is about something else, as a tab in a text is fine.
 */
export function sortTabErrors(
  text: string,
  errors: readonly YAMLParseError[],
  lines: LineCounter,
): SortedErrors {
  const indented = errors.length === 0 ? [] : linesWithTab(text);
  if (indented.length === 0) return { tabs: null, others: errors };
  const remaining = TAB_WIDTHS.map((width) => errorsWith(text, width));
  const isOther = (error: YAMLParseError) => remaining.every((kept) => kept.has(placed(error, lines)));
  const blamed = new Set(
    errors.filter((error) => !isOther(error)).map(({ pos }) => lines.linePos(pos[0]).line),
  );
  const line = indented.find((candidate) => blamed.has(candidate));
  if (line === undefined) return { tabs: null, others: errors };
  const count = indented.filter((candidate) => candidate >= line).length;
  return { tabs: { line, message: tabMessage(line, count) }, others: errors.filter(isOther) };
}

function tabMessage(line: number, count: number): string {
  return count === 1
    ? `a tab indents line ${line}; YAML takes spaces only: replace it with spaces`
    : `tabs indent ${count} lines, the first of them line ${line}; YAML takes spaces only: replace them with spaces`;
}

function linesWithTab(text: string): number[] {
  return text
    .split('\n')
    .flatMap((line, index) => (INDENT.exec(line)?.[0].includes('\t') === true ? [index + 1] : []));
}

/** The errors that are left with `width` spaces in place of each tab that indents. */
function errorsWith(text: string, width: number): ReadonlySet<string> {
  const spaced = text
    .split('\n')
    .map((line) => line.replace(INDENT, (indent) => indent.replaceAll('\t', ' '.repeat(width))))
    .join('\n');
  const lines = new LineCounter();
  const { errors } = parseDocument(spaced, { lineCounter: lines, prettyErrors: false });
  return new Set(errors.map((error) => placed(error, lines)));
}

/** An error by its line: columns move with the width of a tab. */
function placed({ code, pos }: YAMLParseError, lines: LineCounter): string {
  return `${code} ${lines.linePos(pos[0]).line}`;
}

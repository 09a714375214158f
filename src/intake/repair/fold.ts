/** Folds header fields (RFC 5322 2.2.3): at blanks near 76 characters, elsewhere only where 998 leave no choice. */

const WANTED = 76;
const LINE_MAX = 998;

/** Whether a field, as it stands with its line ends, has a line that is too long. */
export function hasLongLine(raw: string): boolean {
  return raw.length > LINE_MAX && raw.split('\r\n').some((line) => line.length > LINE_MAX);
}

/** Takes the line ends out of a folded field and keeps every blank. */
export function unfold(raw: string): string {
  return raw.replace(/\r\n(?=[ \t])/g, '').replace(/\r\n$/, '');
}

/** Folds an unfolded field; the result ends with CRLF, and unfolding gives the field back wherever it had blanks. */
export function fold(field: string): string {
  const lines: string[] = [];
  let line = '';
  for (const piece of field.trimEnd().match(/[ \t]*[^ \t]+/g) ?? []) {
    if (line !== '' && line.length + piece.length > WANTED && /^[ \t]/.test(piece)) {
      lines.push(line);
      line = '';
    }
    line += piece;
    while (line.length > LINE_MAX) {
      const at = cutOf(line);
      lines.push(line.slice(0, at));
      line = ` ${line.slice(at)}`;
    }
  }
  return `${[...lines, line].join('\r\n')}\r\n`;
}

/** A text without blanks gets one: behind a comma or semicolon, where lists don't mind, or at the limit. */
function cutOf(line: string): number {
  const comma = Math.max(line.lastIndexOf(',', LINE_MAX - 1), line.lastIndexOf(';', LINE_MAX - 1));
  return comma > 0 ? comma + 1 : LINE_MAX;
}

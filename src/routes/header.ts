/** The header block of a message as bytes: found, split into fields, put together again (RFC 5322 section 2.2). */

/** One field as it stands in the message; `raw` holds every line, line ends included, one character per byte. */
export interface HeaderField {
  /** Lower case; '' for a line that is no field. */
  name: string;
  raw: string;
}

const HEADER_END = Buffer.from('\r\n\r\n');
const CRLF = Buffer.from('\r\n');

/**
 * Where the header block ends, its empty line not included, or null when the end is not in `bytes`.
 * A message may have no header at all: then it starts with the empty line.
 */
export function findHeaderEnd(bytes: Buffer): number | null {
  if (bytes.subarray(0, 2).equals(CRLF)) return 0;
  const at = bytes.indexOf(HEADER_END);
  return at < 0 ? null : at + CRLF.length;
}

/** Splits a header block; folded lines stay with their field, malformed lines are kept as they are. */
export function parseHeader(block: Buffer): HeaderField[] {
  const fields: HeaderField[] = [];
  for (const line of linesOf(block.toString('latin1'))) {
    const previous = fields.at(-1);
    if (/^[ \t]/.test(line) && previous !== undefined) previous.raw += line;
    else fields.push({ name: /^([!-9;-~]+)[ \t]*:/.exec(line)?.[1]?.toLowerCase() ?? '', raw: line });
  }
  return fields;
}

/** Each with its line end. A regular expression that splits makes three times the garbage. */
function linesOf(text: string): string[] {
  const lines: string[] = [];
  let start = 0;
  for (let lf = text.indexOf('\n'); lf >= 0; lf = text.indexOf('\n', start)) {
    lines.push(text.slice(start, lf + 1));
    start = lf + 1;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** The bytes of `fields`, every field ending in CRLF. */
export function renderHeader(fields: readonly HeaderField[]): Buffer {
  return Buffer.from(fields.map(({ raw }) => (raw.endsWith('\r\n') ? raw : `${raw}\r\n`)).join(''), 'latin1');
}

/** The value of a field: unfolded, trimmed, one character per byte. */
export function fieldValue(field: HeaderField): string {
  return field.raw
    .slice(field.raw.indexOf(':') + 1)
    .replace(/\r?\n(?=[ \t])/g, '')
    .trim();
}

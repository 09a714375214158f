/**
 * Collects the header block of a message as its chunks come in and tells where the body begins. Holds the header
 * only, at most `bytesMax`. Line ends are CRLF by then (line-ends.ts).
 */

/** One field; `raw` holds all of its lines with their ends, one character per byte. */
export interface Field {
  /** Lower case. */
  name: string;
  raw: string;
}

export interface HeaderRead {
  fields: Field[];
  /** False when the header had no blank line behind it. */
  isSeparated: boolean;
  /** The blank line and what followed it. */
  body: Buffer;
}

export interface HeaderReader {
  /** Null while the header goes on. */
  write(chunk: Buffer): HeaderRead | 'too-large' | null;
  /** The message is over, and its header with it. */
  end(): HeaderRead;
}

const LF = 0x0a;
const CRLF = Buffer.from('\r\n');
/** Field name, optional space, colon (RFC 5322 2.2 and obs-optional 4.5.8); a name that fits no line is none. */
const FIELD = /^([!-9;-~]{1,255})[ \t]*:/;

export function createHeaderReader(bytesMax: number): HeaderReader {
  const fields: Field[] = [];
  /** The beginning of a line whose end has not come, one character per byte. */
  let partial = '';
  let bytes = 0;

  function takeLine(line: string): 'header' | 'blank' | 'body' {
    if (line === '\r\n') return 'blank';
    const last = fields.at(-1);
    if (last && (line.startsWith(' ') || line.startsWith('\t'))) {
      last.raw += line;
      return 'header';
    }
    const name = FIELD.exec(line)?.[1];
    if (name === undefined) return 'body';
    fields.push({ name: name.toLowerCase(), raw: line });
    return 'header';
  }

  return {
    write(chunk) {
      bytes += chunk.length;
      let start = 0;
      for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
        const line = partial + chunk.toString('latin1', start, end + 1);
        partial = '';
        start = end + 1;
        const kind = takeLine(line);
        if (kind === 'header') continue;
        const rest = chunk.subarray(start);
        if (kind === 'blank') return { fields, isSeparated: true, body: Buffer.concat([CRLF, rest]) };
        // Text that is no field starts a body without the blank line that should part it from the header.
        const first = Buffer.from(line, 'latin1');
        return { fields, isSeparated: false, body: Buffer.concat([CRLF, first, rest]) };
      }
      partial += chunk.toString('latin1', start);
      return bytes > bytesMax ? 'too-large' : null;
    },
    end() {
      // Only whole lines come in, so nothing is left over.
      return { fields, isSeparated: false, body: CRLF };
    },
  };
}

/** The value of a field: unfolded, trimmed, one character per byte. */
export function fieldValue({ raw }: Field): string {
  return raw
    .slice(raw.indexOf(':') + 1)
    .replace(/\r\n/g, '')
    .trim();
}

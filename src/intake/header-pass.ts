/**
 * Completes the header of a message on its way in and leaves every byte of the device as it is: `Received` on
 * top, `Date` and `Message-ID` where the device left them out (facts/devices.md Q14).
 * Holds the header block only, at most `headerBytesMax`; the body streams through.
 */

export interface HeaderPassOptions {
  /** Whole header fields with their line ends. */
  received: string;
  date: string;
  /** Message-ID for a message without one, angle brackets included. */
  messageId: string;
  headerBytesMax: number;
}

export interface HeaderPass {
  /** What may go on now, or null when the header is larger than the limit. */
  write(chunk: Buffer): Buffer[] | null;
  end(): Buffer[];
  /** Known once the header has ended. */
  messageId(): string;
}

interface Field {
  name: string;
  lines: Buffer[];
}

const LF = 0x0a;
/** Field name, optional space, colon (RFC 5322 2.2 and obs-optional 4.5.8). */
const FIELD = /^([!-9;-~]+)[ \t]*:/;
const CRLF = Buffer.from('\r\n');
/** RFC 5322 2.1.1: no line is longer, so no Message-ID is. */
const MESSAGE_ID_MAX = 998;

export function createHeaderPass(options: HeaderPassOptions): HeaderPass {
  const fields: Field[] = [];
  let partial: Buffer[] = [];
  let bytes = 0;
  let isDone = false;
  let messageId = options.messageId;

  /** The completed header, then `rest`; the block is over. */
  function finish(rest: Buffer[]): Buffer[] {
    isDone = true;
    const added = [options.received];
    if (!fields.some((field) => field.name === 'date')) added.push(`Date: ${options.date}\r\n`);
    const own = fields.find((field) => field.name === 'message-id' && fieldValue(field) !== '');
    if (own) messageId = fieldValue(own).slice(0, MESSAGE_ID_MAX);
    else added.push(`Message-ID: ${options.messageId}\r\n`);
    // An empty Message-ID beside the new one would make two, and two are refused upstream (RFC 5322 3.6).
    const kept = fields.filter((field) => own !== undefined || field.name !== 'message-id');
    return [Buffer.from(added.join('')), ...kept.flatMap((field) => field.lines), ...rest];
  }

  /** Takes one whole line; true when the header ends with it, and `rest` then begins the body. */
  function takeLine(line: Buffer): 'header' | 'blank' | 'body' {
    const text = line.toString('latin1').replace(/\r?\n$/, '');
    if (text === '') return 'blank';
    const last = fields.at(-1);
    if (/^[ \t]/.test(text) && last) {
      last.lines.push(line);
      return 'header';
    }
    const name = FIELD.exec(text)?.[1];
    if (name === undefined) return 'body';
    fields.push({ name: name.toLowerCase(), lines: [line] });
    return 'header';
  }

  function takeLines(chunk: Buffer): Buffer[] {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      const line = Buffer.concat([...partial, chunk.subarray(start, end + 1)]);
      partial = [];
      start = end + 1;
      const kind = takeLine(line);
      // Text that is no field starts a body without the blank line that should part it from the header.
      if (kind !== 'header') return finish([...(kind === 'body' ? [CRLF] : []), line, chunk.subarray(start)]);
    }
    partial.push(chunk.subarray(start));
    return [];
  }

  return {
    write(chunk) {
      if (isDone) return [chunk];
      bytes += chunk.length;
      const out = takeLines(chunk);
      return !isDone && bytes > options.headerBytesMax ? null : out;
    },
    end() {
      if (isDone) return [];
      const line = Buffer.concat(partial);
      const isHeader = line.length === 0 || takeLine(line) === 'header';
      return finish(isHeader ? [CRLF] : [CRLF, line]);
    },
    messageId: () => messageId,
  };
}

function fieldValue(field: Field): string {
  const text = Buffer.concat(field.lines).toString('latin1');
  return text
    .slice(text.indexOf(':') + 1)
    .replace(/[\r\n]+/g, '')
    .trim();
}

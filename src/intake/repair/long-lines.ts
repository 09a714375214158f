/**
 * Breaks body lines over 998 characters, which no server has to take (RFC 5321 4.5.3.1.6) and which Exchange and
 * others break or refuse. Where to break, from harmless to least harmful:
 * base64 anywhere on a boundary of four, as decoders skip line ends (RFC 2045 6.8); quoted-printable by a soft break,
 * as far as the message's own header says so (parts inside a multipart are not looked at); text behind its last
 * space; text without one at the limit, but never inside a UTF-8 character or an escape such as =C3.
 * All other lines pass as they are. Holds one unfinished line, at most 998 bytes.
 */
import type { Repair } from '../../core/repairs.ts';

export interface LongLines {
  /** Takes text whose line ends are CRLF. */
  write(chunk: Buffer): Buffer[];
  end(): Buffer[];
}

/** Without CRLF. */
const LINE_MAX = 998;
const CRLF = Buffer.from('\r\n');
const SOFT_BREAK = Buffer.from('=\r\n');
const EMPTY = Buffer.alloc(0);
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const EQUALS = 0x3d;
const BASE64 = /^[A-Za-z0-9+/]+$/;

export function createLongLines(isQuotedPrintable: boolean, note: (repair: Repair) => void): LongLines {
  /** The beginning of a line whose end has not come. */
  let open: Buffer = EMPTY;

  function cut(line: Buffer): number {
    if (isQuotedPrintable) return beforeEscape(line, LINE_MAX - 1);
    if (BASE64.test(line.toString('latin1', 0, LINE_MAX))) return LINE_MAX - (LINE_MAX % 4);
    const space = Math.max(line.lastIndexOf(SPACE, LINE_MAX - 1), line.lastIndexOf(TAB, LINE_MAX - 1));
    return space > 0 ? space + 1 : beforeEscape(line, beforeCharacter(line, LINE_MAX));
  }

  /** Breaks `line`, without its end, until what is left fits. */
  function shorten(line: Buffer, out: Buffer[]): Buffer {
    let rest = line;
    while (rest.length > LINE_MAX) {
      note('body-lines');
      const at = cut(rest);
      out.push(rest.subarray(0, at), isQuotedPrintable ? SOFT_BREAK : CRLF);
      rest = rest.subarray(at);
    }
    return rest;
  }

  /** Whole lines, among them a long one. */
  function shortenAll(lines: Buffer): Buffer[] {
    const out: Buffer[] = [];
    for (let start = 0; start < lines.length; ) {
      const end = lines.indexOf(CRLF, start);
      out.push(shorten(lines.subarray(start, end), out), CRLF);
      start = end + CRLF.length;
    }
    return out;
  }

  return {
    write(chunk) {
      const end = chunk.lastIndexOf(LF) + 1;
      const out: Buffer[] = [];
      if (end > 0) {
        const lines = chunk.subarray(0, end);
        if (isFitting(open.length, lines)) out.push(open, lines);
        else out.push(...shortenAll(Buffer.concat([open, lines])));
        open = EMPTY;
      }
      const rest = end === 0 ? chunk : chunk.subarray(end);
      open = shorten(Buffer.concat([open, rest]), out);
      return out;
    },
    end() {
      const rest = open;
      open = EMPTY;
      return [rest];
    },
  };
}

/** Whether no line is too long, the first one having begun `before` bytes earlier: one native search a kilobyte. */
function isFitting(before: number, lines: Buffer): boolean {
  let start = lines.indexOf(LF) + 1;
  if (before + start > LINE_MAX + CRLF.length) return false;
  while (lines.length - start > LINE_MAX + CRLF.length) {
    const end = lines.lastIndexOf(LF, start + LINE_MAX + CRLF.length - 1);
    if (end < start) return false;
    start = end + 1;
  }
  return true;
}

/** Moves a cut in front of an escape of quoted-printable that it would split. */
function beforeEscape(line: Buffer, at: number): number {
  if (line[at - 1] === EQUALS) return at - 1;
  return line[at - 2] === EQUALS ? at - 2 : at;
}

/** Moves a cut in front of a UTF-8 character that it would split; other eight-bit text moves three bytes at most. */
function beforeCharacter(line: Buffer, at: number): number {
  for (let back = 0; back < 4; back++) {
    const byte = line[at - back];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return at - back;
  }
  return at;
}

/**
 * Message text on its way into DATA: dots at line starts doubled, every line end CRLF (RFC 5321 section 4.5.2).
 *
 * nodemailer's stream looks at each byte in JavaScript, which was a fifth of the CPU of a scan. This one gives the
 * same bytes, test for test, by searches over whole chunks. A bare CR or LF becomes CRLF and a dot behind either is
 * doubled, so nothing in a message can look like its end (SMTP smuggling).
 *
 * It replaces a method inside nodemailer, for the whole process (docs/decisions/0007-own-dot-stuffing.md). So nodemailer
 * is pinned to one version in package.json, the replacement is tried on a probe before it is made, and where nodemailer
 * has changed it is left as it is: slower, never wrong. To be removed when nodemailer's own stream searches by indexOf.
 */
import type { TransformCallback } from 'node:stream';
import DataStream from 'nodemailer/lib/smtp-connection/data-stream.js';
import { lookAtLines } from '../core/line-ends.ts';

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;
const INSERT_LF = Buffer.from('\n');
const INSERT_LF_DOT = Buffer.from('\n.');
const INSERT_CR = Buffer.from('\r');
const INSERT_DOT = Buffer.from('.');
const LINE_OF_DOT = Buffer.from('\n.');

/** What comes before the byte at `at`. */
interface Insertion {
  at: number;
  bytes: Buffer;
}

/**
 * The pieces of `chunk` as they go onto the wire.
 * @param last the byte before the chunk; false at the start of the message, which is the start of a line.
 */
export function stuffDots(chunk: Buffer, last: number | false): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { at, bytes } of insertionsOf(chunk, last)) {
    if (at > from) pieces.push(chunk.subarray(from, at));
    pieces.push(bytes);
    from = at;
  }
  if (from < chunk.length) pieces.push(from === 0 ? chunk : chunk.subarray(from));
  return pieces;
}

/** As the spool keeps bodies, every line end is CRLF, and dots alone are to be found. */
function insertionsOf(chunk: Buffer, last: number | false): Insertion[] {
  const { isSound, hasDot } = lookAtLines(chunk);
  if (last === CR || !isSound) return everyCase(chunk, last);
  const insertions: Insertion[] = [];
  if (behindLf(chunk[0], last === LF || last === false) !== null)
    insertions.push({ at: 0, bytes: INSERT_DOT });
  // A search stops at each line end, and in a scan there is nothing to find.
  if (!hasDot) return insertions;
  for (let lf = chunk.indexOf(LINE_OF_DOT); lf >= 0; lf = chunk.indexOf(LINE_OF_DOT, lf + 1)) {
    insertions.push({ at: lf + 1, bytes: INSERT_DOT });
  }
  return insertions;
}

function everyCase(chunk: Buffer, last: number | false): Insertion[] {
  const insertions: Insertion[] = [];
  const add = (at: number, bytes: Buffer | null) => {
    if (bytes !== null) insertions.push({ at, bytes });
  };
  add(0, last === CR ? behindCr(chunk[0]) : behindLf(chunk[0], last === LF || last === false));
  for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, lf + 1)) {
    const isBare = (lf === 0 ? last : chunk[lf - 1]) !== CR;
    if (isBare) add(lf, INSERT_CR);
    add(lf + 1, behindLf(chunk[lf + 1], true));
  }
  // What a last CR means shows in the next chunk.
  for (let cr = chunk.indexOf(CR); cr >= 0 && cr + 1 < chunk.length; cr = chunk.indexOf(CR, cr + 1)) {
    add(cr + 1, behindCr(chunk[cr + 1]));
  }
  return insertions.sort((a, b) => a.at - b.at);
}

function behindCr(byte: number | undefined): Buffer | null {
  if (byte === LF) return null;
  return byte === DOT ? INSERT_LF_DOT : INSERT_LF;
}

function behindLf(byte: number | undefined, isLineStart: boolean): Buffer | null {
  return isLineStart && byte === DOT ? INSERT_DOT : null;
}

/** Takes the place of nodemailer's `_transform`, under the same contract of its fields (data-stream.js). */
function transform(
  this: DataStream,
  chunk: Buffer,
  _encoding: BufferEncoding,
  done: TransformCallback,
): void {
  if (chunk.length > 0) {
    const pieces = stuffDots(chunk, this.lastByte);
    this.inByteCount += chunk.length;
    this.lastByte = chunk[chunk.length - 1] ?? false;
    const bytes = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
    this.outByteCount += bytes.length;
    this.push(bytes);
  }
  done();
}

/**
 * Every connection of nodemailer stuffs dots this way from now on; calling it twice is harmless.
 * @returns false where nodemailer is not what this was written for, and goes on in its own way.
 */
export function stuffDotsNatively(stream: typeof DataStream = DataStream): boolean {
  if (!fits(stream)) return false;
  stream.prototype._transform = transform;
  return true;
}

/** Two chunks with every case at a line start and at a cut. */
const PROBE = ['.a\r', '.b\n.c\r\n.\rd\r\n'];

/** Whether the method is there, and gives the same bytes and leaves the same fields as ours. */
function fits(stream: typeof DataStream): boolean {
  if (typeof stream.prototype._transform !== 'function') return false;
  return probe(stream, stream.prototype._transform) === probe(stream, transform);
}

function probe(stream: typeof DataStream, method: typeof transform): string {
  const probed = new stream();
  const pushed: string[] = [];
  probed.push = (bytes: Buffer) => pushed.push(bytes.toString('latin1')) > 0;
  for (const chunk of PROBE) method.call(probed, Buffer.from(chunk), 'latin1', () => {});
  const { lastByte, inByteCount, outByteCount } = probed;
  return JSON.stringify([pushed.join(''), lastByte, inByteCount, outByteCount]);
}

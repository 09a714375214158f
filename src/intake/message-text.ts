/**
 * The text of one message out of the stream of DATA: dots unstuffed, ended by CRLF.CRLF and nothing else
 * (RFC 5321 4.1.1.4, 4.5.2).
 *
 * smtp-server would do the same byte by byte in JavaScript; here the two sequences that matter are searched for
 * natively, and whatever lies between them passes through uncopied. Held back over a cut are at most four bytes,
 * those that may begin one of the sequences.
 */
import { Readable } from 'node:stream';

export interface MessageText {
  /** The text; backpressure shows in `isWanted`. */
  readonly stream: Readable;
  isWanted(): boolean;
  /** Takes bytes of the device. Once the end has come, returns what is behind it, and must not be called again. */
  take(bytes: Buffer): Buffer | null;
  /** The device is gone: a text without its end is an error for whoever reads it. */
  abandon(): void;
}

const CRLF = Buffer.from('\r\n');
const END = Buffer.from('\r\n.\r\n');
const STUFFED = Buffer.from('\n..');
/** Beginnings of END and STUFFED, longest first. */
const BEGINNINGS = ['\r\n.\r', '\r\n.', '\r\n', '\n.', '\n', '\r'].map((text) => Buffer.from(text));
const EMPTY = Buffer.alloc(0);

/** @param onWanted called when the reader has room again. */
export function createMessageText(onWanted: () => void): MessageText {
  // The line end of the DATA command counts as the one before the text: an empty message is `.` CRLF.
  let held: Buffer = CRLF;
  /** Bytes at the head of `held` that are not text. */
  let foreign = CRLF.length;
  let isWanted = false;
  const stream = new Readable({
    read() {
      isWanted = true;
      onWanted();
    },
  });

  /** A reader that gave up needs no more text, but the device still has to get to the end of it. */
  function push(text: Buffer): void {
    if (text.length > 0 && !stream.destroyed) isWanted = stream.push(text);
  }

  return {
    stream,
    isWanted: () => isWanted || stream.destroyed,
    take(bytes) {
      const all = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
      const end = all.indexOf(END);
      const stop = end < 0 ? all.length - beginningLength(all) : end + CRLF.length;
      const skipped = Math.min(foreign, stop);
      foreign -= skipped;
      for (const piece of unstuff(all.subarray(0, stop), skipped)) push(piece);
      held = end < 0 ? all.subarray(stop) : EMPTY;
      if (end < 0) return null;
      if (!stream.destroyed) stream.push(null);
      return all.subarray(end + END.length);
    },
    abandon() {
      if (!stream.readableEnded) stream.destroy(new Error('the device left in the middle of its message'));
    },
  };
}

function beginningLength(bytes: Buffer): number {
  const found = BEGINNINGS.find((beginning) => bytes.subarray(-beginning.length).equals(beginning));
  return found?.length ?? 0;
}

/** The pieces of `bytes` behind `from`, without the first of two dots at the start of a line. */
function unstuff(bytes: Buffer, from: number): Buffer[] {
  const pieces: Buffer[] = [];
  let start = from;
  for (let at = bytes.indexOf(STUFFED); at >= 0; at = bytes.indexOf(STUFFED, at + STUFFED.length)) {
    pieces.push(bytes.subarray(start, Math.max(start, at + 1)));
    start = at + 2;
  }
  pieces.push(bytes.subarray(start));
  return pieces;
}

/**
 * The text of one message out of the stream of DATA: dots unstuffed, ended by CRLF.CRLF and nothing else
 * (RFC 5321 4.1.1.4, 4.5.2).
 *
 * smtp-server would do the same byte by byte in JavaScript; here the two sequences that matter are searched for
 * natively, where one look has found a dot at the start of a line, and whatever lies between them passes through
 * uncopied. Held back over a cut are at most four bytes, those that may begin one of the sequences. The text goes to one
 * reader, a piece at a time: the next is taken when the reader has taken the one before.
 */
import { lookAtLines } from '../core/line-ends.ts';

export interface TextPiece {
  bytes: Buffer;
  /** Known to have CR and LF as CRLF alone, and no NUL. False where what it came with does not. */
  isSound: boolean;
}

export interface MessageText {
  /** For one reader, who may free the memory of each piece once it has been used: nothing else is in it. */
  readonly text: AsyncIterable<TextPiece>;
  /** Whether there is room for a piece; also when the reader has given up, as the device has to get to the end. */
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
/** One of these is the last byte of each. */
const BEGINNING_ENDS = Buffer.from('\r\n.');
const EMPTY = Buffer.alloc(0);

/** @param onWanted called when the reader has room again. */
export function createMessageText(onWanted: () => void): MessageText {
  // The line end of the DATA command counts as the one before the text: an empty message is `.` CRLF.
  let held: Buffer = CRLF;
  /** Bytes at the head of `held` that are not text. */
  let foreign = CRLF.length;
  /** What the reader has not taken: one piece as long as nobody gives what is not wanted. */
  let waiting: TextPiece[] = [];
  let state: 'open' | 'whole' | 'read' | 'given-up' = 'open';
  let failure: Error | null = null;
  let wake = () => {};

  // An iterator of its own: a Readable and the one over it cost 3 KiB of garbage a message.
  const reader: AsyncIterableIterator<TextPiece> = {
    [Symbol.asyncIterator]: () => reader,
    async next() {
      while (failure === null) {
        const value = waiting.shift();
        if (value !== undefined) {
          onWanted();
          return { done: false, value };
        }
        if (state === 'whole') state = 'read';
        if (state !== 'open') return { done: true, value };
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      throw failure;
    },
    async return() {
      state = 'given-up';
      waiting = [];
      onWanted();
      return { done: true, value: undefined };
    },
  };

  function put(bytes: Buffer, isSound: boolean): void {
    if (bytes.length > 0 && state !== 'given-up') waiting.push({ bytes, isSound });
  }

  return {
    text: reader,
    isWanted: () => waiting.length === 0,
    take(bytes) {
      const all = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
      const { isSound, hasDot } = lookAtLines(all);
      const end = hasDot ? all.indexOf(END) : -1;
      const stop = end < 0 ? all.length - beginningLength(all) : end + CRLF.length;
      const skipped = Math.min(foreign, stop);
      foreign -= skipped;
      // Sound as all of it: what is held back begins with the CR of a line end, and a dot less touches none.
      put(hasDot ? unstuff(all.subarray(0, stop), skipped) : all.subarray(skipped, stop), isSound);
      held = end < 0 ? all.subarray(stop) : EMPTY;
      if (end >= 0 && state === 'open') state = 'whole';
      wake();
      return end < 0 ? null : all.subarray(end + END.length);
    },
    abandon() {
      if (state === 'read') return;
      failure = new Error('the device left in the middle of its message');
      wake();
    },
  };
}

function beginningLength(bytes: Buffer): number {
  if (!BEGINNING_ENDS.includes(bytes.at(-1) ?? 0)) return 0;
  const found = BEGINNINGS.find((beginning) => bytes.subarray(-beginning.length).equals(beginning));
  return found?.length ?? 0;
}

/** What of `bytes` is behind `from`, without the first of two dots at the start of a line. */
function unstuff(bytes: Buffer, from: number): Buffer {
  const pieces: Buffer[] = [];
  let start = from;
  for (let at = bytes.indexOf(STUFFED); at >= 0; at = bytes.indexOf(STUFFED, at + STUFFED.length)) {
    pieces.push(bytes.subarray(start, Math.max(start, at + 1)));
    start = at + 2;
  }
  const rest = bytes.subarray(start);
  return pieces.length === 0 ? rest : Buffer.concat([...pieces, rest]);
}

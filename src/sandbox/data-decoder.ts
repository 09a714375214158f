/** Takes the dots out of a DATA stream and finds its end (RFC 5321 section 4.5.2), a slice at a time. */

export interface DataDecoder {
  /**
   * Feeds bytes; `onBody` gets body slices in order.
   * @returns what follows the final dot, or null while the end has not come.
   */
  push(chunk: Buffer, onBody: (slice: Buffer) => void): Buffer | null;
}

const CR = 13;
const DOT_LINE = Buffer.from('\r\n.');
const END = Buffer.from('\r\n.\r\n');

/** Only CRLF.CRLF ends the data: anything laxer is how mail is smuggled (CVE-2023-51766 and its kin). */
export function createDataDecoder(): DataDecoder {
  // The line end of the DATA command counts as the first CRLF; it isn't part of the body.
  let carry: Buffer = Buffer.from('\r\n');
  let skip = 2;

  return {
    push(chunk, onBody) {
      const bytes = Buffer.concat([carry, chunk]);
      const emit = (from: number, to: number) => {
        const start = Math.min(from + skip, to);
        skip -= start - from;
        if (to > start) onBody(bytes.subarray(start, to));
      };
      let from = 0;
      for (;;) {
        const at = bytes.indexOf(DOT_LINE, from);
        if (at < 0) {
          const keep = openEnd(bytes, from);
          emit(from, keep);
          carry = Buffer.from(bytes.subarray(keep));
          return null;
        }
        const tail = bytes.subarray(at, at + END.length);
        if (tail.equals(END)) {
          emit(from, at + 2);
          return bytes.subarray(at + END.length);
        }
        if (tail.length < END.length && END.subarray(0, tail.length).equals(tail)) {
          emit(from, at);
          carry = Buffer.from(tail);
          return null;
        }
        emit(from, at + 2);
        from = at + 3;
      }
    },
  };
}

/** Where a CRLF that may still become a dot line begins, at the end of `bytes`. */
function openEnd(bytes: Buffer, from: number): number {
  const length = bytes.length;
  if (length - 2 >= from && bytes[length - 2] === CR && bytes[length - 1] === 10) return length - 2;
  return length - 1 >= from && bytes[length - 1] === CR ? length - 1 : length;
}

/** Finds the end of DATA, CRLF.CRLF and nothing else (RFC 5321 4.1.1.4), in a stream of chunks. */

const TERMINATOR = Buffer.from('\r\n.\r\n');
const TAIL_BYTES = TERMINATOR.length - 1;

export interface TerminatorFinder {
  /** Offset in `chunk` just behind the terminator, or -1 when it has not come yet. */
  find(chunk: Buffer): number;
}

/** The line end of the DATA command counts as the first CRLF: an empty message is `.` CRLF. */
export function createTerminatorFinder(): TerminatorFinder {
  let tail: Buffer = Buffer.from('\r\n');
  return {
    find(chunk) {
      const seam = Buffer.concat([tail, chunk.subarray(0, TAIL_BYTES)]);
      const inSeam = seam.indexOf(TERMINATOR);
      if (inSeam >= 0) return inSeam + TERMINATOR.length - tail.length;
      const inChunk = chunk.indexOf(TERMINATOR);
      if (inChunk >= 0) return inChunk + TERMINATOR.length;
      tail = chunk.length >= TAIL_BYTES ? chunk.subarray(-TAIL_BYTES) : seam.subarray(-TAIL_BYTES);
      return -1;
    },
  };
}

/** Line ends as mail has them. */

const CR = 0x0d;
const LF = 0x0a;
/** A word has four bytes. */
const WORD_SHIFT = 2;
const WORD_BYTES = 1 << WORD_SHIFT;
/** Four words are looked at together. */
const STEP = 4;
/** One more than CR, in each byte of a word. */
const ABOVE_CR = 0x0e0e0e0e;
const HIGH_BITS = 0x80808080;

/**
 * Whether CR and LF come as CRLF alone, and no byte is NUL.
 *
 * Sixteen bytes a step, and only where one of them is CR or below, byte by byte: a third less time than two native
 * searches a line in a string, and no string. Those of a scan filled the young generation seven times, and the
 * collections took a fifth of its CPU.
 */
export function hasOnlyCrlf(bytes: Uint8Array): boolean {
  const first = (WORD_BYTES - (bytes.byteOffset % WORD_BYTES)) % WORD_BYTES;
  const words = wordsOf(bytes, first);
  let at = 0;
  while (at < bytes.length) {
    if (at >= first && ((at - first) & (WORD_BYTES - 1)) === 0) {
      at = first + (nextLowStep(words, (at - first) >> WORD_SHIFT) << WORD_SHIFT);
    }
    const sound = soundBytesAt(bytes, at);
    if (sound === 0) return false;
    at += sound;
  }
  return true;
}

/** How many bytes at `at` are in order together: a line end, any other byte, or none. */
function soundBytesAt(bytes: Uint8Array, at: number): 0 | 1 | 2 {
  const byte = bytes[at];
  if (byte === CR) return bytes[at + 1] === LF ? 2 : 0;
  return byte === LF || byte === 0 ? 0 : 1;
}

/** The bytes from `first` on, which is where words begin in memory. */
function wordsOf({ buffer, byteOffset, length }: Uint8Array, first: number): Int32Array {
  const count = Math.max(0, Math.floor((length - first) / WORD_BYTES));
  return new Int32Array(buffer, count === 0 ? 0 : byteOffset + first, count);
}

/** The first word from `from` on, in steps, whose step has a byte of CR or below, or is not whole. */
function nextLowStep(words: Int32Array, from: number): number {
  let at = from;
  for (const end = words.length - STEP; at <= end; at += STEP) {
    const low =
      mayBeLow(words[at] as number) |
      mayBeLow(words[at + 1] as number) |
      mayBeLow(words[at + 2] as number) |
      mayBeLow(words[at + 3] as number);
    if ((low & HIGH_BITS) !== 0) break;
  }
  return at;
}

/** Sets the high bit of each byte below ABOVE_CR; by borrowing, sometimes that of the byte above it as well. */
function mayBeLow(word: number): number {
  return (word - ABOVE_CR) & ~word;
}

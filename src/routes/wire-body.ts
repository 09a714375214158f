/**
 * The body of one attempt on its way from the spool to the wire: the header block is read and may be changed, the
 * rest passes through untouched. A body that fails or ends early never gets a final dot.
 */
import { Readable } from 'node:stream';
import { LIMITS } from '../core/limits.ts';
import { findHeaderEnd } from './header.ts';

export interface WireBody {
  /** The block before the empty line, as stored. */
  readonly header: Buffer;
  setHeader(header: Buffer): void;
  /**
   * What goes onto the wire. It is lazy: a stream that was never read leaves the body whole for the next.
   * @param onChunk called as each chunk leaves.
   */
  stream(onChunk: () => void): Readable;
  /** True once all bytes were handed over, so that the final dot follows. */
  isComplete(): boolean;
  /** Why the body could not be read to its end, or null. */
  error(): Error | null;
  /** Releases the spool's stream. */
  close(): void;
}

/** The block before the empty line is longer than LIMITS.headerBytesMax, or has no end. */
export class HeaderTooLarge extends Error {
  constructor() {
    super(`the header block is longer than ${LIMITS.headerBytesMax} bytes`);
    this.name = 'HeaderTooLarge';
  }
}

/**
 * Reads the header block of `source`.
 * @param expectedBytes the size on record; a body of another size is damaged and is not sent.
 * @throws HeaderTooLarge, or what the stream throws.
 */
export async function openWireBody(source: Readable, expectedBytes: number): Promise<WireBody> {
  const chunks: AsyncIterator<Buffer> = source[Symbol.asyncIterator]();
  const { header: stored, after } = await readHeader(chunks);
  let header = stored;
  let isComplete = false;
  let failure: Error | null = null;

  async function* pass(onChunk: () => void): AsyncGenerator<Buffer> {
    if (header.length > 0) yield header;
    if (after.length > 0) yield after;
    let bytes = stored.length + after.length;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      bytes += next.value.length;
      onChunk();
      yield next.value;
    }
    if (bytes !== expectedBytes)
      throw new Error(`the stored body has ${bytes} bytes instead of ${expectedBytes}`);
    isComplete = true;
    onChunk();
  }

  async function* watched(onChunk: () => void): AsyncGenerator<Buffer> {
    try {
      yield* pass(onChunk);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw failure;
    }
  }

  return {
    header: stored,
    setHeader: (changed) => {
      header = changed;
    },
    stream: (onChunk) => Readable.from(watched(onChunk), { objectMode: false }),
    isComplete: () => isComplete,
    error: () => failure,
    close: () => {
      source.destroy();
    },
  };
}

/** `after` starts with the empty line, where there is one. */
async function readHeader(chunks: AsyncIterator<Buffer>): Promise<{ header: Buffer; after: Buffer }> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const end = findHeaderEnd(bytes);
    if ((end ?? bytes.length) > LIMITS.headerBytesMax) throw new HeaderTooLarge();
    if (end !== null) return { header: bytes.subarray(0, end), after: bytes.subarray(end) };
    const next = await chunks.next();
    if (next.done === true) return { header: bytes, after: Buffer.alloc(0) };
    bytes = Buffer.concat([bytes, next.value]);
  }
}

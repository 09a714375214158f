/**
 * The body of one attempt on its way from the spool to the wire: the header block is read and may be changed, the
 * rest passes through untouched. A body that fails or ends early never gets a final dot.
 *
 * A short body is read whole before it goes out, and leaves in one piece: 15 KiB less garbage a message than a stream
 * through generators. What is not as recorded takes the long way, which tells a stream that breaks from one that ends.
 */
import { Readable } from 'node:stream';
import { LIMITS } from '../core/limits.ts';
import { release } from '../core/release.ts';
import { findHeaderEnd } from './header.ts';

export interface WireBody {
  /** The block before the empty line, as stored. */
  readonly header: Buffer;
  setHeader(header: Buffer): void;
  /**
   * What goes onto the wire. It is lazy: what was never asked for its text leaves the body whole for the next.
   */
  text(wire: Wire): WireText;
  /** True once all bytes were handed over, so that the final dot follows. */
  isComplete(): boolean;
  /** Why the body could not be read to its end, or null. */
  error(): Error | null;
  /** Releases the spool's stream. */
  close(): void;
}

export interface Wire {
  /** Called as each chunk leaves. */
  moved(): void;
  /**
   * Whether the text may go: a reply that came along with the go-ahead would pass for the one to the final dot. Where it may
   * not, the connection is closed. Never rejects.
   */
  isWanted(): Promise<boolean>;
  /** The same, before the piece that the final dot follows by itself. */
  mayEnd(): Promise<boolean>;
  /** Does `write`; all that it writes leaves in one record of TLS. */
  together(write: () => void): void;
  /** Waits for what was written to have left the process; false where it can't be told, or never will. */
  flushed(): Promise<boolean>;
}

/** The part of a stream that nodemailer needs: it calls `pipe` once the server wants the text. */
export type WireText = Pick<Readable, 'pipe'>;

/** Ends a stream without its end, which is no failure of the body. */
class NotWanted extends Error {
  constructor() {
    super('the text is not wanted');
    this.name = 'NotWanted';
  }
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
  const close = () => void source.destroy();
  if (expectedBytes > LIMITS.wholeBodyBytesMax) return openLong(source, { expectedBytes, close });
  const bytes = await readShort(source, expectedBytes);
  const headerEnd = findHeaderEnd(bytes) ?? bytes.length;
  const isAsRecorded = bytes.length === expectedBytes && source.readableEnded;
  if (isAsRecorded) return shortBody(bytes, { headerEnd, close });
  return openLong(readAgain(bytes, source), { expectedBytes, close });
}

/** All that comes until the stream ends or fails, or until there is more of it than there should be. */
function readShort(source: Readable, expectedBytes: number): Promise<Buffer> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const end = () => {
      source.off('data', take).pause();
      resolve(bytes);
    };
    const take = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      if (bytes.length > expectedBytes) end();
    };
    source.on('data', take).on('error', end).on('close', end);
  });
}

async function* readAgain(bytes: Buffer, source: Readable): AsyncGenerator<Buffer> {
  yield bytes;
  yield* source;
}

function shortBody(bytes: Buffer, { headerEnd, close }: { headerEnd: number; close: () => void }): WireBody {
  const stored = bytes.subarray(0, headerEnd);
  let header = stored;
  let isComplete = false;
  return {
    header: stored,
    setHeader: (changed) => {
      header = changed;
    },
    text: ({ moved, mayEnd, together }) => ({
      pipe(target) {
        mayEnd().then((goes) => {
          if (!goes) return;
          // Before the first byte: from here on the final dot follows by itself.
          isComplete = true;
          const changed = () => Buffer.concat([header, bytes.subarray(headerEnd)]);
          together(() => target.end(header === stored ? bytes : changed()));
          moved();
        });
        return target;
      },
    }),
    isComplete: () => isComplete,
    error: () => null,
    close,
  };
}

async function openLong(
  source: AsyncIterable<Buffer>,
  { expectedBytes, close }: { expectedBytes: number; close: () => void },
): Promise<WireBody> {
  const chunks = source[Symbol.asyncIterator]();
  const { header: stored, after } = await readHeader(chunks);
  let header = stored;
  let isComplete = false;
  let failure: Error | null = null;
  let text: Readable | null = null;

  async function* pass({ moved, flushed }: Wire): AsyncGenerator<Buffer> {
    if (header.length > 0) yield header;
    if (after.length > 0) yield after;
    let bytes = stored.length + after.length;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      bytes += next.value.length;
      moved();
      yield next.value;
      if ((await flushed()) && text?.readableLength === 0) release(next.value);
    }
    if (bytes !== expectedBytes)
      throw new Error(`the stored body has ${bytes} bytes instead of ${expectedBytes}`);
  }

  async function* watched(wire: Wire): AsyncGenerator<Buffer> {
    if (!(await wire.isWanted())) throw new NotWanted();
    try {
      yield* pass(wire);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw failure;
    }
    if (!(await wire.mayEnd())) throw new NotWanted();
    isComplete = true;
    wire.moved();
  }

  return {
    header: stored,
    setHeader: (changed) => {
      header = changed;
    },
    text(wire) {
      text = Readable.from(watched(wire), { objectMode: false });
      return text;
    },
    isComplete: () => isComplete,
    error: () => failure,
    close,
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
    bytes = bytes.length === 0 ? next.value : Buffer.concat([bytes, next.value]);
  }
}

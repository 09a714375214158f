/**
 * The text of a split message from the texts of its parts (RFC 2046 5.2.2.1).
 *
 * The new header has the fields of the first part, except for Content-*, Subject, Message-ID, Encrypted and
 * MIME-Version; those come from the header that is enclosed in the first part. Whatever else stands there, and the
 * headers of all other parts, is dropped. Holds one header and one chunk at a time.
 */
import type { Readable } from 'node:stream';
import { createHeaderReader, type Field, fieldValue, type HeaderRead } from '../core/header-reader.ts';
import { LIMITS } from '../core/limits.ts';

export interface Assembled {
  /** Angle brackets included; known once the first chunk is out. */
  messageId(): string;
  chunks: AsyncIterable<Buffer>;
}

/** Thrown when the parts are no message after all; they go out as they are. */
export class NotJoinable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NotJoinable';
  }
}

/** The blank line that a header read leaves before the body. */
const SEPARATOR_BYTES = 2;

/** @param fallbackId Message-ID for a message that brings none, angle brackets included. */
export function assemble(open: readonly (() => Promise<Readable>)[], fallbackId: string): Assembled {
  let messageId = fallbackId;

  async function* chunks(): AsyncIterable<Buffer> {
    for (const [index, openPart] of open.entries()) {
      const text = await openPart();
      try {
        yield* index === 0 ? first(text) : behindHeader(text);
      } finally {
        text.destroy();
      }
    }
  }

  async function* first(text: Readable): AsyncIterable<Buffer> {
    const pieces = text[Symbol.asyncIterator]();
    const outer = await readHeader(pieces, null);
    const inner = await readHeader(pieces, outer.body.subarray(SEPARATOR_BYTES));
    if (inner.fields.length === 0) throw new NotJoinable('the first part encloses no header');
    const own = inner.fields.find(({ name }) => name === 'message-id');
    if (own !== undefined && fieldValue(own) !== '') messageId = fieldValue(own);
    yield Buffer.from(mergedHeader(outer.fields, inner.fields, messageId), 'latin1');
    yield inner.body;
    yield* rest(pieces);
  }

  return { messageId: () => messageId, chunks: chunks() };
}

async function* behindHeader(text: Readable): AsyncIterable<Buffer> {
  const pieces = text[Symbol.asyncIterator]();
  const header = await readHeader(pieces, null);
  yield header.body.subarray(SEPARATOR_BYTES);
  yield* rest(pieces);
}

/** Reads up to the body; `begun` is what has been read of it already. */
export async function readHeader(pieces: AsyncIterator<Buffer>, begun: Buffer | null): Promise<HeaderRead> {
  const reader = createHeaderReader(LIMITS.headerBytesMax);
  let piece = begun;
  for (;;) {
    if (piece !== null) {
      const read = reader.write(piece);
      if (read === 'too-large') throw new NotJoinable('a header is too large');
      if (read !== null) return read;
    }
    const next = await pieces.next();
    if (next.done === true) return reader.end();
    piece = next.value;
  }
}

async function* rest(pieces: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value;
}

function mergedHeader(outer: readonly Field[], inner: readonly Field[], messageId: string): string {
  const enclosed = inner.filter(isEnclosed);
  const has = (name: string) => enclosed.some((field) => field.name === name);
  return [
    ...outer.filter((field) => !isEnclosed(field)).map(({ raw }) => raw),
    ...enclosed.map(({ raw }) => raw),
    ...(has('message-id') ? [] : [`Message-ID: ${messageId}\r\n`]),
    ...(has('mime-version') ? [] : ['MIME-Version: 1.0\r\n']),
  ].join('');
}

/** Fields that the enclosed header decides. */
function isEnclosed({ name }: Field): boolean {
  return name.startsWith('content-') || ['subject', 'message-id', 'encrypted', 'mime-version'].includes(name);
}

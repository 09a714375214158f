/**
 * The cipher of a backup file: scrypt makes the key from the passphrase, AES-256-GCM seals chunk by chunk.
 *
 * The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): a nonce is a random prefix, the number of the
 * chunk, and whether it is the last. So a chunk that is altered, moved, repeated or missing at the end is noticed, and
 * memory holds one chunk. The header is authenticated with every chunk.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import * as z from 'zod';
import { OperatorError } from '../core/errors.ts';
import { PROBLEMS } from './problems.ts';

const MAGIC = 'scanferry-backup';
const VERSION = 1;
const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const PREFIX_BYTES = 7;
/** Longer is no header of ours. */
const HEADER_BYTES_MAX = 1024;
/** 64 MiB and about a second on a Raspberry Pi 4: what OWASP's password storage cheat sheet asks for at the least. */
const SCRYPT = { logN: 16, r: 8, p: 1 };

const headerSchema = z.strictObject({
  format: z.literal(MAGIC),
  version: z.int(),
  // Bounds: a header is read before anything is authenticated, and must not make the box run out of memory.
  kdf: z.strictObject({
    logN: z.int().min(10).max(18),
    r: z.int().min(1).max(16),
    p: z.int().min(1).max(4),
    salt: z.base64(),
  }),
  prefix: z.base64(),
});
type Header = z.output<typeof headerSchema>;

/** Seals `clear` under `passphrase`; yields the bytes of the file. */
export async function* sealed(
  clear: AsyncIterable<Uint8Array>,
  passphrase: string,
): AsyncGenerator<Buffer, void, void> {
  const header: Header = {
    ...{ format: MAGIC, version: VERSION },
    kdf: { ...SCRYPT, salt: randomBytes(16).toString('base64') },
    prefix: randomBytes(PREFIX_BYTES).toString('base64'),
  };
  const line = Buffer.from(`${JSON.stringify(header)}\n`);
  const key = await keyOf(header, passphrase);
  yield line;
  let number = 0;
  for await (const { chunk, isLast } of inChunks(clear, CHUNK_BYTES)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(header, number++, isLast));
    cipher.setAAD(line);
    yield Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
  }
}

/**
 * Opens what `sealed` made; yields the clear bytes, each chunk authenticated before it is given out.
 * @throws OperatorError for another file, a wrong passphrase, and one that was altered or cut.
 */
export async function* opened(
  file: AsyncIterable<Uint8Array>,
  passphrase: string,
): AsyncGenerator<Buffer, void, void> {
  const source = file[Symbol.asyncIterator]();
  const { line, rest } = await readLine(source);
  const header = parseHeader(line);
  const key = await keyOf(header, passphrase);
  let number = 0;
  for await (const { chunk, isLast } of inChunks(joined(rest, source), CHUNK_BYTES + TAG_BYTES)) {
    if (chunk.length < TAG_BYTES) throw new OperatorError(PROBLEMS.damaged());
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(header, number, isLast));
    decipher.setAAD(line);
    decipher.setAuthTag(chunk.subarray(-TAG_BYTES));
    const clear = decipher.update(chunk.subarray(0, -TAG_BYTES));
    try {
      decipher.final();
    } catch (cause) {
      // The first chunk fails for every wrong passphrase; a later one only for a damaged file.
      throw new OperatorError(number === 0 ? PROBLEMS.wrongPassphrase() : PROBLEMS.damaged(), { cause });
    }
    number += 1;
    yield clear;
  }
}

function keyOf({ kdf }: Header, passphrase: string): Promise<Buffer> {
  const N = 2 ** kdf.logN;
  const maxmem = 256 * N * kdf.r;
  const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
  // NFKC: the same passphrase typed on another keyboard or system is the same bytes (RFC 8265 4.2).
  return derive(passphrase.normalize('NFKC'), Buffer.from(kdf.salt, 'base64'), 32, {
    ...{ N, r: kdf.r, p: kdf.p, maxmem },
  });
}

function nonceOf({ prefix }: Header, number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  Buffer.from(prefix, 'base64').copy(nonce, 0, 0, PREFIX_BYTES);
  nonce.writeUInt32BE(number, PREFIX_BYTES);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
}

function parseHeader(line: Buffer): Header {
  let header: Header;
  try {
    header = headerSchema.parse(JSON.parse(line.toString('utf8')));
  } catch (cause) {
    throw new OperatorError(PROBLEMS.notABackup(), { cause });
  }
  if (header.version > VERSION) throw new OperatorError(PROBLEMS.newer());
  return header;
}

/** The first line with its end, and what came with it. */
async function readLine(source: AsyncIterator<Uint8Array>): Promise<{ line: Buffer; rest: Buffer }> {
  let read = Buffer.alloc(0);
  for (;;) {
    const end = read.indexOf(0x0a);
    if (end >= 0 && end < HEADER_BYTES_MAX) {
      return { line: read.subarray(0, end + 1), rest: read.subarray(end + 1) };
    }
    const next = read.length < HEADER_BYTES_MAX ? await source.next() : { done: true as const };
    if (next.done === true) throw new OperatorError(PROBLEMS.notABackup());
    read = Buffer.concat([read, next.value]);
  }
}

async function* joined(first: Buffer, source: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  yield first;
  for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
}

/** Pieces of `bytes` each; the last may be shorter, also empty, and is told as such. */
async function* inChunks(
  source: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncIterable<{ chunk: Buffer; isLast: boolean }> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source) {
    waiting.push(piece);
    length += piece.length;
    if (length <= bytes) continue;
    const all = Buffer.concat(waiting);
    let from = 0;
    // One chunk is always kept back: only at the end it is known which is the last.
    for (; all.length - from > bytes; from += bytes) {
      yield { chunk: all.subarray(from, from + bytes), isLast: false };
    }
    waiting = [all.subarray(from)];
    length = all.length - from;
  }
  yield { chunk: Buffer.concat(waiting), isLast: true };
}

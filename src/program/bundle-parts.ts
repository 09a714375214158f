/**
 * What dist/scanferry.cjs carries behind its head: a comment for each part, and one at the end that says where each
 * begins, how long it is and its digest. Run from source there are none.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import { MAPPED_ALONE_BYTES } from './memory-settings.ts';

/** The last comment is shorter; scripts/build.ts looks. */
export const INDEX_BYTES_MAX = 16_384;

/** More than a module has; what is longer is unpacked in several pieces. */
const PIECE_BYTES = 1024 * 1024;

export interface Parts {
  names: string[];
  /** A part, unpacked. Throws where the file has been overwritten since it was opened. */
  read(name: string): Buffer;
  close(): void;
}

/**
 * Opens the bundle, for as long as parts may be needed: where another version is put in its place, these parts are those
 * of the opened one still, and one that is written over it is told by the digests.
 */
export function openParts(bundle: string): Parts {
  const file = openSync(bundle, 'r');
  const places = readIndex(file);
  return {
    names: [...places.keys()],
    read(name) {
      const place = places.get(name);
      if (place === undefined) throw new Error(`${bundle} is damaged: it has no part ${name}`);
      const text = readAt(file, place);
      if (digestOf(text) !== place.digest)
        throw new Error(`${bundle} is damaged, or was overwritten while it ran; start Scanferry again`);
      const inBase64 = text.toString('latin1');
      const packed = passing(inBase64.length);
      const length = packed.write(inBase64, 'base64');
      return brotliDecompressSync(packed.subarray(0, length), { chunkSize: PIECE_BYTES });
    },
    close: () => closeSync(file),
  };
}

/** What a part is recognised by, as it stands in the file. */
export function digestOf(packed: string | Buffer): string {
  return createHash('sha256').update(packed).digest('base64url');
}

interface Span {
  position: number;
  length: number;
}

/** Where each part lies; none where the end is not that of a bundle. */
function readIndex(file: number): Map<string, Span & { digest: string }> {
  const end = fstatSync(file).size;
  const length = Math.min(end, INDEX_BYTES_MAX);
  const tail = readAt(file, { position: end - length, length }).toString('latin1');
  const entries = /\n\/\/parts:(.*)\n$/.exec(tail)?.[1]?.split(',') ?? [];
  return new Map(
    entries.map((entry) => {
      const [name = '', position, length, digest = ''] = entry.split(/[=+:]/);
      return [name, { position: Number(position), length: Number(length), digest }];
    }),
  );
}

function readAt(file: number, { position, length }: Span): Buffer {
  const bytes = passing(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, position));
}

let scratch: Buffer | null = null;

/**
 * Room for what only passes through, until the next call: buffers of their own would leave holes among what stays, 1 MiB of
 * them at a start.
 */
function passing(length: number): Buffer {
  if (scratch === null || scratch.length < length) {
    scratch = Buffer.allocUnsafeSlow(Math.max(length, MAPPED_ALONE_BYTES));
    setImmediate(() => {
      scratch = null;
    });
  }
  return scratch;
}

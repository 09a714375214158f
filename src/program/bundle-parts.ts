/**
 * What dist/scanferry.cjs carries behind its head: a comment for each part, and one at the end that says where each
 * begins and how long it is. Run from source there are none.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

/** The last comment is shorter; scripts/build.ts looks. */
export const INDEX_BYTES_MAX = 8192;

interface PackedParts {
  names: string[];
  /** A part as scripts/build.ts packed it. */
  read(name: string): Buffer;
}

/** Opens the bundle for as long as `use` takes. */
export function withParts<T>(bundle: string, use: (parts: PackedParts) => T): T {
  const file = openSync(bundle, 'r');
  try {
    const places = readIndex(file);
    return use({
      names: [...places.keys()],
      read(name) {
        const place = places.get(name);
        if (place === undefined) throw new Error(`${bundle} is damaged: it has no part ${name}`);
        return Buffer.from(readAt(file, place).toString('latin1'), 'base64');
      },
    });
  } finally {
    closeSync(file);
  }
}

/** Reads and unpacks one part of the file that runs. */
export function readPart(name: string): Buffer {
  return unpack(withParts(__filename, (parts) => parts.read(name)));
}

export function unpack(packed: Buffer): Buffer {
  return brotliDecompressSync(packed);
}

interface Place {
  position: number;
  length: number;
}

/** Where each part lies; none where the end is not that of a bundle. */
function readIndex(file: number): Map<string, Place> {
  const end = fstatSync(file).size;
  const length = Math.min(end, INDEX_BYTES_MAX);
  const tail = readAt(file, { position: end - length, length }).toString('latin1');
  const entries = /\n\/\/parts:(.*)\n$/.exec(tail)?.[1]?.split(',') ?? [];
  return new Map(
    entries.map((entry) => {
      const [name = '', position, length] = entry.split(/[=+]/);
      return [name, { position: Number(position), length: Number(length) }];
    }),
  );
}

function readAt(file: number, { position, length }: Place): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, position));
}

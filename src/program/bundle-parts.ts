/**
 * What dist/scanferry.cjs carries beside its program: comments at its end, the last of which says where each begins
 * and how long it is. Run from source there are none.
 *
 * As literals of the program they would stay in memory twice, and each is needed once, at the start.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

/** The last comment is shorter. */
const INDEX_BYTES_MAX = 512;

/** Unpacks what scripts/build.ts packed under `name`. */
export function readPart(name: string): Buffer {
  const file = openSync(__filename, 'r');
  try {
    const end = fstatSync(file).size;
    const tail = readAt(file, Math.max(0, end - INDEX_BYTES_MAX), INDEX_BYTES_MAX).toString('latin1');
    const entry = new RegExp(`[:,]${name}=(\\d+)\\+(\\d+)[,\\n]`).exec(tail.slice(tail.lastIndexOf('\n//')));
    if (entry === null) throw new Error(`${__filename} is damaged: it has no part ${name}`);
    const packed = readAt(file, Number(entry[1]), Number(entry[2]));
    return brotliDecompressSync(Buffer.from(packed.toString('latin1'), 'base64'));
  } finally {
    closeSync(file);
  }
}

function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, position));
}

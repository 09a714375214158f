/** Gives the memory of a chunk back. */

/**
 * Frees the bytes at once; whoever still reads them finds none. What shares its memory with others stays.
 *
 * Left to the collector, chunks pile up: V8 counts what buffers hold, and at 64 MiB it collects the whole heap, which
 * was every third scan.
 */
export function release({ buffer, byteOffset, byteLength }: Uint8Array): void {
  const isWhole = byteOffset === 0 && byteLength === buffer.byteLength;
  if (isWhole && buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}

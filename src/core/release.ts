/** Gives the memory of bytes back that were used. */

/**
 * Frees the bytes at once; whoever still reads them finds none. What fills its memory only in part stays, as it may share it.
 *
 * Left to the collector, what a scan came and went in counts for it as a heap that grows: it marked all of the agent's
 * heap once for every 25 MiB, an eighth to a fifth of the CPU of a scan (docs/performance.md).
 */
export function release({ buffer, byteOffset, byteLength }: Uint8Array): void {
  const isWhole = byteOffset === 0 && byteLength === buffer.byteLength;
  if (isWhole && buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}

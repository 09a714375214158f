/** A body on its way in, seen from the agent's thread: pieces of any size become chunks of the stored size. */
import { LIMITS } from '../core/limits.ts';
import type { IncomingPart, OwnedBytes } from './protocol.ts';
import type { Receipt, ReceiveOptions } from './types.ts';
import type { WorkerClient } from './worker-client.ts';

/** A small message should not cost a whole chunk of memory; the buffer doubles from here. */
const FIRST_BUFFER_BYTES = 16 * 1024;

export function createReceipt(
  client: WorkerClient,
  { number, options, chunkBytes }: { number: number; options: ReceiveOptions; chunkBytes: number },
): Receipt {
  let open: ReceiveOptions | null = options;
  let buffer = unfilled(Math.min(FIRST_BUFFER_BYTES, chunkBytes));
  let used = 0;
  let failure: unknown = null;
  /** Chunks on their way, each settled without throwing. */
  const inFlight = new Set<Promise<void>>();
  let isOver = false;

  /** Copies as much as fits into the chunk being filled and returns how much that was. */
  function fill(bytes: Uint8Array): number {
    const wanted = Math.min(used + bytes.length, chunkBytes);
    if (wanted > buffer.length) {
      const grown = unfilled(Math.min(Math.max(wanted, buffer.length * 2), chunkBytes));
      grown.set(buffer.subarray(0, used));
      buffer = grown;
    }
    const taken = bytes.subarray(0, wanted - used);
    buffer.set(taken, used);
    used = wanted;
    return taken.length;
  }

  /** What has been filled; the first part opens the body. */
  function takePart(): IncomingPart {
    const part = { number, open, bytes: buffer.subarray(0, used) };
    open = null;
    return part;
  }

  function send(): void {
    const part = takePart();
    buffer = unfilled(chunkBytes);
    used = 0;
    const sent: Promise<void> = client.call('writeChunk', part, part.bytes).then(
      () => void inFlight.delete(sent),
      (error: unknown) => {
        failure ??= error;
        inFlight.delete(sent);
      },
    );
    inFlight.add(sent);
  }

  function check(): void {
    if (failure !== null) throw failure;
    if (isOver) throw new Error('the receipt has been committed or aborted');
  }

  return {
    async write(chunk) {
      let rest: Uint8Array = chunk;
      while (rest.length > 0) {
        check();
        // Only now is it certain that the full chunk is not the last one.
        if (used === chunkBytes) send();
        rest = rest.subarray(fill(rest));
        while (inFlight.size >= LIMITS.chunksInFlightMax) await Promise.race(inFlight);
      }
      check();
    },
    async commit(message) {
      check();
      isOver = true;
      const part = takePart();
      // Calls arrive in the order they were made: this one finds every chunk written, or the body broken.
      await client.call('commit', { ...part, message }, part.bytes).catch((error: unknown) => {
        // A chunk on its way may have been refused; then the body is gone, and why is in that answer, which came first.
        throw failure ?? error;
      });
    },
    async abort() {
      if (isOver) return;
      isOver = true;
      if (open === null) await client.call('abort', { number });
    },
  };
}

/** Not cleared, as every byte that leaves is written first; it owns its memory, so that it can be handed over. */
function unfilled(bytes: number): OwnedBytes {
  const { buffer, byteOffset, byteLength } = Buffer.allocUnsafeSlow(bytes);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

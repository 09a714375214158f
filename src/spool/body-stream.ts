/** An accepted body as a stream: one chunk at a time from the spool thread, as fast as the reader takes it. */
import { Readable } from 'node:stream';
import { OperatorError } from '../core/errors.ts';
import type { MessageId } from '../core/message.ts';
import { PROBLEMS } from './problems.ts';
import type { OpenedBody } from './protocol.ts';
import type { WorkerClient } from './worker-client.ts';

export function createBodyStream(
  client: WorkerClient,
  id: MessageId,
  { number, chunkCount, bodyBytes, first }: OpenedBody,
): Readable {
  let index = 0;
  let bytesRead = 0;

  async function next(): Promise<Buffer | null> {
    while (index < chunkCount) {
      const chunk = index === 0 ? first : await client.call('readChunk', { number, index });
      index++;
      bytesRead += chunk.length;
      // An empty push would ask for nothing more.
      if (chunk.length > 0) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
    if (bytesRead !== bodyBytes) throw new OperatorError(PROBLEMS.bodyDamaged(id));
    return null;
  }

  return new Readable({
    // Two chunks ahead of the network, so that it never waits for the thread.
    highWaterMark: 128 * 1024,
    read() {
      next().then(
        (chunk) => this.push(chunk),
        (error: Error) => this.destroy(error),
      );
    },
  });
}

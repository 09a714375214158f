/** A spool that lets a test see what goes in, and fail it at will; the spool behind it does the work. */
import type { NewEvent } from '../../../src/core/events.ts';
import type { NewMessage, Receipt, Spool } from '../../../src/spool/types.ts';

export interface StoredMessage {
  message: NewMessage;
  body: Buffer;
}

export interface WatchedSpool {
  spool: Spool;
  /** Messages whose commit has resolved. */
  messages: StoredMessage[];
  events: NewEvent[];
  opened: number;
  aborted: number;
  commitsAsked: number;
  /** When set, bodies are not kept but shown, chunk by chunk. */
  onChunk: ((chunk: Buffer) => void) | null;
  /** The next call of this kind fails with the error. */
  fail(at: 'receive' | 'write' | 'commit', error: Error): void;
  /** While set, commits, or writes, wait for it. */
  holdCommits: Promise<void> | null;
  holdWrites: Promise<void> | null;
}

export function watchSpool(inner: Spool): WatchedSpool {
  const faults = new Map<string, Error>();

  function trip(at: string): void {
    const error = faults.get(at);
    faults.delete(at);
    if (error) throw error;
  }

  function watchReceipt(receipt: Receipt): Receipt {
    const chunks: Buffer[] = [];
    return {
      async write(chunk) {
        trip('write');
        if (watched.onChunk) watched.onChunk(chunk);
        else chunks.push(Buffer.from(chunk));
        await watched.holdWrites;
        await receipt.write(chunk);
      },
      async commit(message) {
        watched.commitsAsked += 1;
        trip('commit');
        await watched.holdCommits;
        await receipt.commit(message);
        watched.messages.push({ message, body: Buffer.concat(chunks) });
      },
      async abort() {
        await receipt.abort();
        watched.aborted += 1;
      },
    };
  }

  const watched: WatchedSpool = {
    ...{ messages: [], events: [], opened: 0, aborted: 0, commitsAsked: 0, onChunk: null },
    ...{ holdCommits: null, holdWrites: null },
    fail: (at, error) => void faults.set(at, error),
    spool: {
      ...inner,
      async receive() {
        trip('receive');
        const receipt = await inner.receive();
        watched.opened += 1;
        return watchReceipt(receipt);
      },
      async record(event) {
        await inner.record(event);
        watched.events.push(event);
      },
    },
  };
  return watched;
}

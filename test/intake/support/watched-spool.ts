/** The real spool, with a view of what goes in and faults at will. */
import type { EventRecord } from '../../../src/core/events.ts';
import type { NewMessage, Receipt, Spool } from '../../../src/spool/types.ts';
import { readTestBody, type TestSpool } from '../../support/spool.ts';

export interface StoredMessage {
  message: NewMessage;
  body: Buffer;
}

export interface WatchedSpool {
  spool: Spool;
  /** Messages whose commit has resolved, with the body as the spool gives it back. */
  messages: StoredMessage[];
  /** Events as the event table holds them, once every record asked for has been written. */
  events(): Promise<EventRecord[]>;
  opened: number;
  aborted: number;
  commitsAsked: number;
  /** When set, bodies are shown chunk by chunk on their way in, and not read back. */
  onChunk: ((chunk: Buffer) => void) | null;
  /** The next call of this kind fails with the error. */
  fail(at: 'receive' | 'write' | 'commit', error: Error): void;
  /** While set, commits, or writes, wait for it. */
  holdCommits: Promise<void> | null;
  holdWrites: Promise<void> | null;
  close(): Promise<void>;
}

const EVENTS_MAX = 1000;

export function watchSpool(testSpool: TestSpool): WatchedSpool {
  const inner = testSpool.spool;
  const faults = new Map<string, Error>();
  const records: Promise<void>[] = [];

  function trip(at: string): void {
    const error = faults.get(at);
    faults.delete(at);
    if (error) throw error;
  }

  function watchReceipt(receipt: Receipt): Receipt {
    return {
      async write(chunk) {
        trip('write');
        watched.onChunk?.(chunk);
        await watched.holdWrites;
        await receipt.write(chunk);
      },
      async commit(message) {
        watched.commitsAsked += 1;
        trip('commit');
        await watched.holdCommits;
        await receipt.commit(message);
        const body = watched.onChunk ? Buffer.alloc(0) : await readTestBody(inner, message.id);
        watched.messages.push({ message, body });
      },
      async abort() {
        await receipt.abort();
        watched.aborted += 1;
      },
    };
  }

  const watched: WatchedSpool = {
    ...{ messages: [], opened: 0, aborted: 0, commitsAsked: 0, onChunk: null },
    ...{ holdCommits: null, holdWrites: null },
    close: testSpool.close,
    async events() {
      await Promise.all(records);
      return await inner.events(0, EVENTS_MAX);
    },
    fail: (at, error) => void faults.set(at, error),
    spool: {
      ...inner,
      async receive(options) {
        trip('receive');
        const receipt = await inner.receive(options);
        watched.opened += 1;
        return watchReceipt(receipt);
      },
      record(event) {
        const written = inner.record(event);
        records.push(written);
        return written;
      },
    },
  };
  return watched;
}

/** What the simulated hosts received: every message's facts, bodies within a bound. */
import { createHash, type Hash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { TlsFacts } from '../core/message.ts';
import type { HostKind } from './replies.ts';

export interface ReceivedMessage {
  host: HostKind;
  receivedAt: number;
  /** Envelope, without angle brackets. */
  sender: string;
  recipients: string[];
  /** Dots taken out; null once older bodies had to make room. */
  body: Buffer | null;
  bodyBytes: number;
  /** SHA-256 of the body, hexadecimal. */
  sha256: string;
  tls: TlsFacts | null;
  /** Mailbox that signed in. */
  user: string | null;
  /** Name in a client certificate that chained to a known authority. */
  clientCertificate: string | null;
  /** Caller's address and EHLO name. */
  address: string;
  ehlo: string;
}

/** What one DATA brought. */
export interface CollectedBody {
  body: Buffer | null;
  bodyBytes: number;
  sha256: string;
  /** The header block, unfolded, or its beginning if it is longer than the limit. */
  header: string;
  /** Bare LF or NUL were in it. */
  malformed: boolean;
}

export interface BodyCollector {
  push(slice: Buffer): void;
  finish(): CollectedBody;
  /** Gives the room back when the message isn't kept. */
  discard(): void;
}

export interface MessageStore {
  collect(): BodyCollector;
  add(message: ReceivedMessage): void;
  received(): ReceivedMessage[];
  /** Messages since the start, forgotten ones included. */
  total(): number;
  waitFor(count: number, timeoutMs: number): Promise<ReceivedMessage[]>;
  clear(): void;
}

const LF = 10;
const CR = 13;

export function createMessageStore(deps: { clock: Clock; bodyBytesMax: number }): MessageStore {
  const messages: ReceivedMessage[] = [];
  const waiting = new Set<() => void>();
  let heldBytes = 0;
  let total = 0;

  /** Takes room for body bytes, the oldest bodies make way; false when even that is not enough. */
  function hold(bytes: number): boolean {
    for (const message of messages) {
      if (heldBytes + bytes <= deps.bodyBytesMax) break;
      heldBytes -= message.body?.length ?? 0;
      message.body = null;
    }
    if (heldBytes + bytes > deps.bodyBytesMax) return false;
    heldBytes += bytes;
    return true;
  }

  const release = (bytes: number) => {
    heldBytes -= bytes;
  };

  return {
    collect: () => createBodyCollector(hold, release),
    add(message) {
      messages.push(message);
      total++;
      if (messages.length > LIMITS.sandboxRecordsMax) release(messages.shift()?.body?.length ?? 0);
      for (const check of waiting) check();
    },
    received: () => [...messages],
    total: () => total,
    waitFor(count, timeoutMs) {
      return new Promise((resolve, reject) => {
        const timer = deps.clock.schedule(timeoutMs, () => {
          waiting.delete(check);
          reject(new Error(`waited ${timeoutMs} ms for ${count} messages, ${messages.length} came`));
        });
        const check = () => {
          if (messages.length < count) return;
          timer.cancel();
          waiting.delete(check);
          resolve([...messages]);
        };
        waiting.add(check);
        check();
      });
    },
    clear() {
      for (const message of messages.splice(0)) release(message.body?.length ?? 0);
    },
  };
}

function createBodyCollector(
  hold: (bytes: number) => boolean,
  release: (bytes: number) => void,
): BodyCollector {
  const hash: Hash = createHash('sha256');
  let kept: Buffer[] | null = [];
  let keptBytes = 0;
  let bodyBytes = 0;
  let head: Buffer = Buffer.alloc(0);
  let headEnded = false;
  let malformed = false;
  let last = 0;

  function keep(slice: Buffer): void {
    if (kept && hold(slice.length)) {
      kept.push(slice);
      keptBytes += slice.length;
      return;
    }
    discard();
  }

  function discard(): void {
    release(keptBytes);
    keptBytes = 0;
    kept = null;
  }

  function readHead(slice: Buffer): void {
    head = Buffer.concat([head, slice]);
    const end = head.indexOf('\r\n\r\n');
    headEnded = end >= 0 || head.length > LIMITS.headerBytesMax;
    if (end >= 0) head = head.subarray(0, end);
  }

  return {
    push(slice) {
      hash.update(slice);
      bodyBytes += slice.length;
      malformed ||= slice.includes(0) || hasBareLf(slice, last);
      last = slice[slice.length - 1] ?? last;
      if (!headEnded) readHead(slice);
      keep(slice);
    },
    finish: () => ({
      body: kept && Buffer.concat(kept),
      bodyBytes,
      sha256: hash.digest('hex'),
      header: head.toString('latin1').replace(/\r\n[ \t]+/g, ' '),
      malformed,
    }),
    discard,
  };
}

function hasBareLf(slice: Buffer, before: number): boolean {
  for (let at = slice.indexOf(LF); at >= 0; at = slice.indexOf(LF, at + 1)) {
    if ((at === 0 ? before : slice[at - 1]) !== CR) return true;
  }
  return false;
}

/** The parts that wait for each other, by the message they belong to. Holds facts only; the parts lie in the spool. */
import type { MessageId } from '../core/message.ts';
import type { PartialFacts } from '../core/message-partial.ts';

export interface Part extends PartialFacts {
  message: MessageId;
  /** Parts of one message come from one device and have one envelope. */
  device: string;
  sender: string;
  recipients: readonly string[];
  bodyBytes: number;
  receivedAt: number;
}

export interface WaitingParts {
  key: string;
  /** Every part, repeated ones included. */
  parts: Part[];
  /** Monotonic time up to which the missing ones may come. */
  until: number;
}

/** Whatever differs here is another message, even under the same id: ids of devices may repeat. */
function keyOf(part: Part): string {
  return JSON.stringify([part.device, part.sender, [...part.recipients].sort(), part.id]);
}

export interface Waiting {
  /** Adds a part, once; returns those it belongs to. @param until for this part alone, monotonic. */
  add(part: Part, until: number): WaitingParts;
  remove(key: string): void;
  get(key: string): WaitingParts | undefined;
  /** The one that has waited longest for a part. */
  stalest(): WaitingParts | undefined;
  size(): number;
}

export function createWaiting(): Waiting {
  const byKey = new Map<string, WaitingParts>();
  return {
    add(part, until) {
      const key = keyOf(part);
      const waiting = byKey.get(key) ?? { key, parts: [], until };
      if (!waiting.parts.some(({ message }) => message === part.message)) waiting.parts.push(part);
      waiting.until = Math.max(waiting.until, until);
      byKey.set(key, waiting);
      return waiting;
    },
    remove: (key) => void byKey.delete(key),
    get: (key) => byKey.get(key),
    stalest: () => [...byKey.values()].reduce<WaitingParts | undefined>(older, undefined),
    size: () => byKey.size,
  };
}

function older(a: WaitingParts | undefined, b: WaitingParts): WaitingParts {
  return a !== undefined && a.until <= b.until ? a : b;
}

/**
 * One part of each number, in order, once all are there; null before that. Of repeated ones the first counts. The
 * total may stand in any part, and in the last it must (RFC 2046 5.2.2); parts that disagree never become whole.
 */
export function wholeOf(parts: readonly Part[]): Part[] | null {
  const totals = new Set(parts.flatMap(({ total }) => (total === null ? [] : [total])));
  const [total] = totals;
  if (total === undefined || totals.size > 1) return null;
  const ordered: Part[] = [];
  for (let number = 1; number <= total; number++) {
    const part = parts.find((one) => one.number === number);
    if (part === undefined) return null;
    ordered.push(part);
  }
  return parts.some(({ number }) => number > total) ? null : ordered;
}

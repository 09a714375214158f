/**
 * Senders that a route refused for good, per device: their next messages are held without a try.
 *
 * Microsoft throttles a whole mailbox after a row of refusals such as SendAsDenied (continuous-error throttling of
 * SMTP AUTH submissions), so one wrong device could stop every other. The memory is not kept on disk: a restart
 * costs one more try per wrong sender. A release by an operator is read from the event table; the released message
 * is tried, and ends the hold when it arrives. When it is refused again, everything released until then counts as
 * answered: a hundred messages released at once cost a few tries, not a hundred.
 */

import type { Explanation } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { MessageHead, MessageId } from '../core/message.ts';
import { createTurns } from '../core/turns.ts';
import { type EventSource, readEvents } from './history.ts';

export interface HeldSender {
  why: Explanation;
  reply: string | null;
}

export interface Holds {
  /** Reads the latest releases, where any sender is held; call it before `find`. */
  refresh(): Promise<void>;
  /** Why this message may not be tried on this route, or null. */
  find(routeId: string, head: MessageHead): HeldSender | null;
  /** A message was refused with `hold`. */
  hold(routeId: string, head: MessageHead, held: HeldSender): Promise<void>;
  /** A message arrived: its sender is right. */
  clear(routeId: string, head: MessageHead): void;
  /** Sets the cursor from which releases are read. */
  readFrom(seq: number): void;
}

/** Makes the memory of held senders, empty. */
export function createHolds(source: EventSource): Holds {
  const senders = new Map<string, HeldSender>();
  const released = new Set<MessageId>();
  const turns = createTurns();
  let cursor = 0;

  async function read(): Promise<void> {
    cursor = await readEvents(source, cursor, (event) => {
      if (event.type === 'message.released') noteRelease(event.data.message);
    });
  }

  /** A message that is forgotten here is held once more, and told so. */
  function noteRelease(id: MessageId): void {
    const [oldest] = released;
    if (oldest !== undefined && released.size >= LIMITS.heldReleasesMax) released.delete(oldest);
    released.add(id);
  }

  /** One reader at a time, or the cursor could go back; and a new one each time, or the latest release could be missed. */
  const readReleases = () => turns.take(read);

  return {
    async refresh() {
      if (senders.size > 0) await readReleases();
    },
    find(routeId, head) {
      // Nearly always nobody is held, and naming the sender costs more than asking.
      if (senders.size === 0) return null;
      const held = senders.get(keyOf(routeId, head));
      return held && !released.has(head.id) ? held : null;
    },
    async hold(routeId, head, held) {
      if (senders.size >= LIMITS.heldSendersMax) forgetOldest(senders);
      senders.set(keyOf(routeId, head), held);
      await readReleases();
      released.clear();
    },
    clear(routeId, head) {
      if (senders.size > 0) senders.delete(keyOf(routeId, head));
      released.delete(head.id);
      if (senders.size === 0) released.clear();
    },
    readFrom: (seq) => {
      cursor = Math.max(cursor, seq);
    },
  };
}

function keyOf(routeId: string, { device, sender }: MessageHead): string {
  return JSON.stringify([routeId, device.id ?? device.address, sender.toLowerCase()]);
}

function forgetOldest(senders: Map<string, HeldSender>): void {
  const oldest = senders.keys().next();
  if (!oldest.done) senders.delete(oldest.value);
}

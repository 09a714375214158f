/**
 * When a waiting recipient will be tried, about: reckoned when somebody asks, never stored, and never a promise.
 *
 * It takes each message for one that goes through at the first try, and each route for one that keeps to its rate.
 * What can't be known so is null: a pause without an end, a day's budget that others will have used up before.
 */
import { MINUTE_MS } from '../core/durations.ts';
import type { WaitingRecipient } from '../spool/types.ts';

/** How the routes that a recipient would go by stand now. */
export interface Outlook {
  /** The same for all recipients that share these routes. */
  key: string;
  /** Wall clock from which one of them may send: now, or the end of a pause; null when nothing ends it by itself. */
  opensAt: number | null;
  /** Messages that may start at once, and how many more each minute. */
  messagesLeft: number;
  messagesPerMinute: number;
  /** Recipients left for today. */
  recipientsLeft: number;
}

export interface ForecastRequest {
  /** Whoever waits, the earliest due first. */
  waiting: readonly WaitingRecipient[];
  /** Recipients that are asked for. */
  wanted: ReadonlySet<number>;
  /** By domain; null where no route can carry the recipient: it fails at its next turn. */
  outlookFor(domain: string): Outlook | null;
}

/** The times of the wanted recipients that wait, epoch milliseconds. */
export function forecast({ waiting, wanted, outlookFor }: ForecastRequest): Map<number, number | null> {
  const outlooks = new Map<string, Outlook | null>();
  const queues = new Map<string, Queue>();
  const places = new Map<number, { recipient: WaitingRecipient; queue: Queue; place: number }>();
  for (const recipient of waiting) {
    const { domain, id } = recipient;
    if (!outlooks.has(domain)) outlooks.set(domain, outlookFor(domain));
    const outlook = outlooks.get(domain);
    if (!outlook) continue;
    const queue = queues.get(outlook.key) ?? createQueue(outlook);
    queues.set(outlook.key, queue);
    const place = queue.add(recipient);
    if (wanted.has(id)) places.set(id, { recipient, queue, place });
  }
  const times = new Map<number, number | null>();
  for (const [id, { recipient, queue, place }] of places) times.set(id, queue.timeOf(recipient, place));
  return times;
}

interface Queue {
  /** Counts a recipient in; returns the place of its message among those of its device, from 0 on. */
  add(recipient: WaitingRecipient): number;
  timeOf(recipient: WaitingRecipient, place: number): number | null;
}

/** The messages that wait for the same routes; their devices take turns. */
function createQueue(outlook: Outlook): Queue {
  /** The messages of each device, in their order. */
  const devices = new Map<string, Map<number, number>>();

  function messagesOf(device: string): Map<number, number> {
    const messages = devices.get(device) ?? new Map<number, number>();
    devices.set(device, messages);
    return messages;
  }

  /** Before the n-th message of a device, each other device has had n turns, or all that it needed. */
  function ahead(device: string, place: number): number {
    let sum = place;
    for (const [other, messages] of devices) if (other !== device) sum += Math.min(messages.size, place);
    return sum;
  }

  return {
    add({ device, message }) {
      const messages = messagesOf(device);
      const place = messages.get(message) ?? messages.size;
      messages.set(message, place);
      return place;
    },
    timeOf({ device, nextAttemptAt }, place) {
      const { opensAt, messagesLeft, messagesPerMinute, recipientsLeft } = outlook;
      const before = ahead(device, place);
      if (opensAt === null || before >= recipientsLeft) return null;
      const minutes = Math.max(0, before + 1 - messagesLeft) / messagesPerMinute;
      return Math.max(nextAttemptAt, Math.round(opensAt + minutes * MINUTE_MS));
    },
  };
}

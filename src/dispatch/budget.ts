/**
 * What one route may still send: messages in any minute, recipients in any 24 hours. Counted on the monotonic clock.
 *
 * The other side counts a message at some moment between our first command and its last reply. So a message holds
 * its place from its start until a whole window after its end: whichever moment counts, no window ever holds more
 * than the limit.
 */
import type { Clock } from '../core/clock.ts';

/** A minute. What the network adds is covered by counting from the start and from the end; clocks differ by far less. */
export const RATE_WINDOW_MS = 60_000;
export const DAY_WINDOW_MS = 24 * 60 * 60 * 1000;
/** Recipients of the day are summed up per bucket, which leaves when its newest is a day old. */
const BUCKET_MS = 60_000;

export interface BudgetLimits {
  messagesPerMinute: number;
  recipientsPerDay: number;
}

/** What an attempt has reserved. */
export interface Spend {
  recipients: number;
}

export interface Budget {
  messagesLeft(): number;
  recipientsLeft(): number;
  /** Reserves one message with so many recipients. */
  take(recipients: number): Spend;
  /** Ends a reservation; `accepted` recipients stay counted. */
  settle(spend: Spend, accepted: number): void;
  /** Counts what an earlier run sent `agoMs` ago; call it oldest first. */
  recallMessage(agoMs: number): void;
  recallRecipient(agoMs: number): void;
  /** Monotonic time at which something is freed, or null when nothing is held back by time. */
  nextFreeAt(): number | null;
}

interface Bucket {
  startAt: number;
  newestAt: number;
  recipients: number;
}

/** Makes the budget of one route, all of it free. */
export function createBudget(limits: BudgetLimits, clock: Clock): Budget {
  let messagesUnderWay = 0;
  let recipientsUnderWay = 0;
  let recipientsCounted = 0;
  const messageEnds: number[] = [];
  const buckets: Bucket[] = [];

  function forget(): void {
    const now = clock.monotonicMs();
    while (messageEnds[0] !== undefined && messageEnds[0] + RATE_WINDOW_MS <= now) messageEnds.shift();
    while (buckets[0] !== undefined && buckets[0].newestAt + DAY_WINDOW_MS <= now) {
      recipientsCounted -= buckets[0].recipients;
      buckets.shift();
    }
  }

  function count(recipients: number, at: number): void {
    if (recipients === 0) return;
    recipientsCounted += recipients;
    const last = buckets.at(-1);
    if (last && at < last.startAt + BUCKET_MS) {
      last.recipients += recipients;
      last.newestAt = Math.max(last.newestAt, at);
    } else {
      buckets.push({ startAt: at, newestAt: at, recipients });
    }
  }

  function messagesLeft(): number {
    forget();
    return Math.max(0, limits.messagesPerMinute - messagesUnderWay - messageEnds.length);
  }

  function recipientsLeft(): number {
    forget();
    return Math.max(0, limits.recipientsPerDay - recipientsUnderWay - recipientsCounted);
  }

  return {
    messagesLeft,
    recipientsLeft,
    take(recipients) {
      messagesUnderWay++;
      recipientsUnderWay += recipients;
      return { recipients };
    },
    settle(spend, accepted) {
      const now = clock.monotonicMs();
      messagesUnderWay--;
      recipientsUnderWay -= spend.recipients;
      messageEnds.push(now);
      count(accepted, now);
    },
    recallMessage(agoMs) {
      if (messageEnds.length >= limits.messagesPerMinute) messageEnds.shift();
      messageEnds.push(clock.monotonicMs() - agoMs);
    },
    recallRecipient: (agoMs) => count(1, clock.monotonicMs() - agoMs),
    nextFreeAt() {
      const times: number[] = [];
      if (messagesLeft() === 0 && messageEnds[0] !== undefined) times.push(messageEnds[0] + RATE_WINDOW_MS);
      if (recipientsLeft() === 0 && buckets[0]) times.push(buckets[0].newestAt + DAY_WINDOW_MS);
      return times.length === 0 ? null : Math.min(...times);
    },
  };
}

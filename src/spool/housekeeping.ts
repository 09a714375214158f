/** Keeps the spool from growing for ever, in slices: old bodies, old history, old events. */

import { assertNever } from '../core/assert.ts';
import { DAY_MS } from '../core/durations.ts';
import { LIMITS } from '../core/limits.ts';
import type { StoredMessage } from './message-table.ts';
import { REASONS } from './problems.ts';
import type { HousekeepingCursor } from './protocol.ts';
import { concludeChange, type Store } from './store.ts';

export interface HousekeepingSettings {
  historyDays: number;
  failedKeepDays: number;
}

/** Where a round begins. */
export const FIRST_STEP: HousekeepingCursor = { step: 'expire', after: 0 };

/** One slice, to be run inside a transaction; returns where the next begins, or null at the end of the round. */
export function keepHouse(
  store: Store,
  settings: HousekeepingSettings,
  cursor: HousekeepingCursor,
  now: number,
): HousekeepingCursor | null {
  switch (cursor.step) {
    case 'expire': {
      const before = now - settings.failedKeepDays * DAY_MS;
      const last = eachOldMessage(store, cursor.after, before, (message) =>
        expireBody(store, message, settings.failedKeepDays, now),
      );
      return last === null ? { step: 'history', after: 0 } : { step: 'expire', after: last };
    }
    case 'history': {
      const before = now - settings.historyDays * DAY_MS;
      const last = eachOldMessage(store, cursor.after, before, (message) => forget(store, message));
      return last === null ? { step: 'events', after: 0 } : { step: 'history', after: last };
    }
    case 'events': {
      const before = now - settings.historyDays * DAY_MS;
      const isMore = store.events.trim(before, LIMITS.spoolHousekeepingRowsMax);
      return isMore ? cursor : null;
    }
    default:
      return assertNever(cursor.step);
  }
}

/** Shows `visit` a slice of messages that last changed before `before`; returns the last number looked at, or null. */
function eachOldMessage(
  store: Store,
  after: number,
  before: number,
  visit: (message: StoredMessage) => void,
): number | null {
  const slice = store.messages.following(after, LIMITS.spoolHousekeepingRowsMax);
  for (const message of slice) if (message.changedAt < before) visit(message);
  return slice.length < LIMITS.spoolHousekeepingRowsMax ? null : (slice.at(-1)?.body.number ?? null);
}

/** A body that nobody will send by itself is not kept for ever; who was held gets the reason. */
function expireBody(store: Store, { head, body }: StoredMessage, keepDays: number, now: number): void {
  if (!body.hasBody) return;
  const recipients = store.recipients.ofMessage(body.number);
  if (recipients.some(({ nextAttemptAt }) => nextAttemptAt !== null)) return;
  const reason = REASONS.holdExpired(keepDays);
  for (const recipient of recipients.filter(({ state }) => state === 'held')) {
    store.recipients.change(recipient, { state: 'failed', ...reason });
    store.events.append(now, {
      type: 'message.failed',
      data: { message: head.id, recipient: recipient.address, route: null, ...reason, reply: null },
    });
  }
  store.bodies.erase(body);
  concludeChange(store, { body, recipients }, now);
}

/** Without a body nothing more can happen to a message: it is history. */
function forget(store: Store, { body }: StoredMessage): void {
  if (body.hasBody) return;
  store.recipients.removeOf(body.number);
  store.attempts.removeOf(body.number);
  store.messages.remove(body.number);
}

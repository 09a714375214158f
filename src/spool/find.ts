/** Finds the messages that a filter means, newest first. */
import type { Database } from 'better-sqlite3';
import { LIMITS } from '../core/limits.ts';
import { type MessageId, type RecipientState, SETTLED_STATES } from '../core/message.ts';
import { lowestMessageId } from '../core/message-id.ts';
import type { StoredState } from './counters.ts';
import { CHILDREN_MAX } from './numbers.ts';
import type { StoredRecipient } from './recipient-table.ts';
import type { MessageFilter, Page } from './types.ts';

/** What one look found, and where the next one begins; null when there is nothing more to look at. */
export interface Look {
  ids: MessageId[];
  before: MessageId | null;
}

/**
 * Ids of messages with a recipient that may fit, newest first, among the next LIMITS.spoolLookMessagesMax messages: no
 * index serves every filter, and each more would cost every message a page on the disk. `sending` is not on the disk,
 * so a search for it finds what may be sent: the caller judges each recipient by `fitsRecipient`.
 */
export function findMessages(
  db: Database,
  filter: MessageFilter,
  page: Page,
  options: { unsettledOnly: boolean },
): Look {
  const unsettledOnly = options.unsettledOnly || isUnsettled(filter.states);
  const range = rangeOf(filter, page, unsettledOnly);
  const floor = filter.ids === undefined ? endOfLook(db, range) : null;
  const conditions = [
    ...range,
    ...(floor === null ? [] : [{ sql: 'm.id >= ?', values: [floor] }]),
    ...conditionsOf(filter),
  ];
  const ids = db
    .prepare<unknown[], string>(
      `SELECT m.id FROM messages m WHERE ${textOf(conditions)} ORDER BY m.id DESC LIMIT ?`,
    )
    .pluck()
    .all(...valuesOf(conditions), page.limit);
  return { ids, before: ids.length === page.limit ? (ids.at(-1) ?? null) : floor };
}

/** The last message of this look, or null when all that are left belong to it. */
function endOfLook(db: Database, range: readonly Condition[]): MessageId | null {
  const end = db
    .prepare<unknown[], string>(
      `SELECT m.id FROM messages m WHERE ${textOf(range)} ORDER BY m.id DESC LIMIT 1 OFFSET ?`,
    )
    .pluck()
    .get(...valuesOf(range), LIMITS.spoolLookMessagesMax - 1);
  return end ?? null;
}

/** Whether a recipient is one that the filter means. */
export function fitsRecipient(
  filter: MessageFilter,
  recipient: Pick<StoredRecipient, 'address'>,
  state: RecipientState,
): boolean {
  if (filter.states !== undefined && !filter.states.includes(state)) return false;
  return filter.recipient === undefined || recipient.address.toLowerCase() === filter.recipient.toLowerCase();
}

interface Condition {
  sql: string;
  values: unknown[];
}

function textOf(conditions: readonly Condition[]): string {
  return ['true', ...conditions.map(({ sql }) => sql)].join(' AND ');
}

function valuesOf(conditions: readonly Condition[]): unknown[] {
  return conditions.flatMap(({ values }) => values);
}

/** What an index answers: where in the order of the ids to look at all. */
function rangeOf({ since }: MessageFilter, { before }: Page, unsettledOnly: boolean): Condition[] {
  const conditions: (Condition | null)[] = [
    // Word for word the condition of the partial index messages_unsettled.
    unsettledOnly ? { sql: 'm.unsettled > 0', values: [] } : null,
    before === null ? null : { sql: 'm.id < ?', values: [before] },
    // An id is made when its message is received, or later.
    given(since, (time) => ({ sql: 'm.id >= ?', values: [lowestMessageId(time)] })),
  ];
  return conditions.filter((condition) => condition !== null);
}

function conditionsOf(filter: MessageFilter): Condition[] {
  const conditions: (Condition | null)[] = [
    given(filter.ids, (ids) => ({
      sql: 'm.id IN (SELECT value FROM json_each(?))',
      values: [JSON.stringify(ids)],
    })),
    // One that nobody configured goes by its address.
    given(filter.device, (device) => ({
      sql: `(SELECT r.device FROM recipients r WHERE r.id = m.number * ${CHILDREN_MAX}) = ?`,
      values: [device],
    })),
    given(filter.sender, (sender) => ({ sql: 'lower(m.sender) = lower(?)', values: [sender] })),
    given(filter.since, (since) => ({ sql: 'm.received_at >= ?', values: [since] })),
    given(filter.until, (until) => ({ sql: 'm.received_at < ?', values: [until] })),
    recipientCondition(filter),
  ];
  return conditions.filter((condition) => condition !== null);
}

function recipientCondition({ states, recipient }: MessageFilter): Condition | null {
  if (states === undefined && recipient === undefined) return null;
  const first = `m.number * ${CHILDREN_MAX}`;
  const parts: Condition[] = [
    { sql: `r.id BETWEEN ${first} AND ${first} + ${CHILDREN_MAX - 1}`, values: [] },
  ];
  if (states !== undefined) {
    parts.push({
      sql: 'r.state IN (SELECT value FROM json_each(?))',
      values: [JSON.stringify(storedStates(states))],
    });
  }
  if (recipient !== undefined) parts.push({ sql: 'lower(r.address) = lower(?)', values: [recipient] });
  return {
    sql: `EXISTS (SELECT 1 FROM recipients r WHERE ${parts.map(({ sql }) => sql).join(' AND ')})`,
    values: parts.flatMap(({ values }) => values),
  };
}

function storedStates(states: readonly RecipientState[]): StoredState[] {
  return states.flatMap((state): StoredState[] => (state === 'sending' ? ['queued', 'deferred'] : [state]));
}

function isUnsettled(states: readonly RecipientState[] | undefined): boolean {
  return states !== undefined && !states.some((state) => SETTLED_STATES.some((settled) => settled === state));
}

function given<T>(value: T | undefined, make: (value: T) => Condition): Condition | null {
  return value === undefined ? null : make(value);
}

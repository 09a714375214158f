/** Finds the messages that a filter means, newest first. */
import type { Database } from 'better-sqlite3';
import { type MessageId, type RecipientState, SETTLED_STATES } from '../core/message.ts';
import type { StoredState } from './counters.ts';
import { CHILDREN_MAX } from './numbers.ts';
import type { StoredRecipient } from './recipient-table.ts';
import type { MessageFilter, Page } from './types.ts';

/**
 * Ids of messages with a recipient that may fit, newest first. `sending` is not on the disk, so a search for it
 * finds what may be sent: the caller judges each recipient by `fitsRecipient`.
 */
export function findMessages(
  db: Database,
  filter: MessageFilter,
  page: Page,
  unsettledOnly = false,
): MessageId[] {
  const conditions = conditionsOf(filter, page, unsettledOnly || isUnsettled(filter.states));
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`;
  return db
    .prepare<unknown[], string>(`SELECT m.id FROM messages m ${where} ORDER BY m.id DESC LIMIT ?`)
    .pluck()
    .all(...conditions.flatMap(({ values }) => values), page.limit);
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

function conditionsOf(filter: MessageFilter, page: Page, unsettledOnly: boolean): Condition[] {
  const conditions: (Condition | null)[] = [
    // Word for word the condition of the partial index messages_unsettled.
    unsettledOnly ? { sql: 'm.unsettled > 0', values: [] } : null,
    page.before === null ? null : { sql: 'm.id < ?', values: [page.before] },
    given(filter.ids, (ids) => ({
      sql: 'm.id IN (SELECT value FROM json_each(?))',
      values: [JSON.stringify(ids)],
    })),
    given(filter.device, (device) => ({ sql: 'm.device_id = ?', values: [device] })),
    given(filter.sender, (sender) => ({ sql: 'lower(m.sender) = lower(?)', values: [sender] })),
    given(filter.since, (since) => ({ sql: 'm.received_at >= ?', values: [since] })),
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

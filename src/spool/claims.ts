/**
 * Which recipients are being sent: known in memory only.
 *
 * A claim thus costs no disk write, and a crash or restart gives it back by itself: on the disk the recipient never
 * stopped being queued or deferred (at least once; the Message-ID stays the same).
 */
import type { Database } from 'better-sqlite3';
import type { MessageId, RecipientState } from '../core/message.ts';
import { ownerOf } from './numbers.ts';
import type { StoredRecipient } from './recipient-table.ts';
import type { Store } from './store.ts';
import type { Claim, ClaimFilter } from './types.ts';

/** Ids of the recipients being sent, by message. */
export type Claims = Map<MessageId, ReadonlySet<number>>;

/** The state as people see it. */
export function shownState(claims: Claims, id: MessageId, recipient: StoredRecipient): RecipientState {
  return claims.get(id)?.has(recipient.id) ? 'sending' : recipient.state;
}

/** Claims up to `limit` messages with recipients due at `dueAt`, those that wait longest first. */
export function claimDue(
  store: Store,
  claims: Claims,
  request: { filter: ClaimFilter; limit: number; dueAt: number },
): Claim[] {
  const taken = numbersOf(claims);
  const due: number[] = [];
  for (const { id } of dueRows(store.db, request.filter, request.dueAt)) {
    if (due.length >= request.limit) break;
    const number = ownerOf(id);
    if (taken.has(number)) continue;
    taken.add(number);
    due.push(number);
  }
  return due.flatMap((number) => claim(store, claims, number, request));
}

/** The earliest time at which a recipient that is not being sent becomes due. */
export function nextDueAt(store: Store, claims: Claims, filter: ClaimFilter): number | null {
  const taken = numbersOf(claims);
  for (const { id, nextAttemptAt } of dueRows(store.db, filter, Number.MAX_SAFE_INTEGER)) {
    if (!taken.has(ownerOf(id))) return nextAttemptAt;
  }
  return null;
}

function claim(
  store: Store,
  claims: Claims,
  number: number,
  { filter, dueAt }: { filter: ClaimFilter; dueAt: number },
): Claim[] {
  const message = store.messages.byNumber(number);
  if (message === null) return [];
  const recipients = store.recipients
    .ofMessage(number)
    .filter(({ nextAttemptAt }) => nextAttemptAt !== null && nextAttemptAt <= dueAt)
    .filter(({ domain }) => fits(filter, domain));
  claims.set(message.head.id, new Set(recipients.map(({ id }) => id)));
  return [
    {
      head: message.head,
      recipients: recipients.map(({ id, address, tries }) => ({ id, address, tries })),
    },
  ];
}

function numbersOf(claims: Claims): Set<number> {
  const numbers = new Set<number>();
  for (const ids of claims.values()) for (const id of ids) numbers.add(ownerOf(id));
  return numbers;
}

interface DueRow {
  id: number;
  nextAttemptAt: number;
}

/** Rows are read from the index one by one, as far as the caller goes on. */
function dueRows(db: Database, filter: ClaimFilter, dueAt: number): IterableIterator<DueRow> {
  const select = 'SELECT id, next_attempt_at AS nextAttemptAt FROM recipients WHERE next_attempt_at <= ?';
  const order = 'ORDER BY next_attempt_at, id';
  if (filter.kind === 'all') return db.prepare<[number], DueRow>(`${select} ${order}`).iterate(dueAt);
  const operator = filter.kind === 'only' ? 'IN' : 'NOT IN';
  return db
    .prepare<[number, string], DueRow>(
      `${select} AND domain ${operator} (SELECT value FROM json_each(?)) ${order}`,
    )
    .iterate(dueAt, JSON.stringify(filter.domains));
}

function fits(filter: ClaimFilter, domain: string): boolean {
  if (filter.kind === 'all') return true;
  return filter.domains.includes(domain) === (filter.kind === 'only');
}

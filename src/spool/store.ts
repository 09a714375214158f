/** Everything that belongs to one open connection: its tables, their totals, and what several operations share. */
import type { Database } from 'better-sqlite3';
import { SETTLED_STATES } from '../core/message.ts';
import { type AttemptTable, createAttemptTable } from './attempt-table.ts';
import { type BodyTable, createBodyTable, type StoredBody } from './body-table.ts';
import { type Counters, countTables } from './counters.ts';
import { createDueTable, type DueTable } from './due-table.ts';
import { createEventTable, type EventTable } from './event-table.ts';
import { createFactTable, type FactTable } from './fact-table.ts';
import { createKeySlots } from './key-slots.ts';
import { createMessageTable, type MessageTable } from './message-table.ts';
import { createRecipientTable, type RecipientTable, type StoredRecipient } from './recipient-table.ts';

export interface Store {
  db: Database;
  counters: Counters;
  messages: MessageTable;
  recipients: RecipientTable;
  due: DueTable;
  attempts: AttemptTable;
  bodies: BodyTable;
  events: EventTable;
  facts: FactTable;
}

export interface StoreDeps {
  db: Database;
  boxKey: Buffer;
  /** Called for each event that is added, before its commit. */
  onEvent(): void;
}

/** Reads the totals and prepares the statements; to be made anew after work was undone. */
export function createStore({ db, boxKey, onEvent }: StoreDeps): Store {
  const counters = countTables(db);
  return {
    db,
    counters,
    messages: createMessageTable(db),
    recipients: createRecipientTable(db, counters),
    due: createDueTable(db),
    attempts: createAttemptTable(db),
    bodies: createBodyTable({ db, boxKey, slots: createKeySlots(db), counters }),
    events: createEventTable(db, onEvent),
    facts: createFactTable(db),
  };
}

/** Whether nothing more will happen for this recipient and it needs no body. */
function isSettled({ state }: Pick<StoredRecipient, 'state'>): boolean {
  return SETTLED_STATES.some((settled) => settled === state);
}

/** What a message was before its recipients changed. */
export interface Before {
  body: StoredBody;
  recipients: readonly StoredRecipient[];
}

/** To be called after recipients of a message changed: erases the body once nobody needs it. */
export function concludeChange(store: Store, before: Before, now: number): void {
  const { number } = before.body;
  const recipients = store.recipients.ofMessage(number);
  const unsettled = recipients.filter((recipient) => !isSettled(recipient)).length;
  const stored = store.messages.bodyByNumber(number);
  if (unsettled === 0 && stored !== null) store.bodies.erase(stored);
  store.messages.touch(number, now, unsettled);
  const body = stored ?? before.body;
  store.counters.heldBytes += heldBytes({ body, recipients }) - heldBytes(before);
}

/** With nobody in `held` it makes no difference whether the body is still there. */
function heldBytes({ body, recipients }: Before): number {
  return body.hasBody && recipients.some(({ state }) => state === 'held') ? body.bodyBytes : 0;
}

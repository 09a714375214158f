/** Rows of recipients: the only place where a recipient's state changes, so that the totals always fit. */
import type { Database } from 'better-sqlite3';
import { domainOf } from '../core/message.ts';
import type { Counters, StoredState } from './counters.ts';
import { childId, childRange } from './numbers.ts';

export interface StoredRecipient {
  id: number;
  address: string;
  domain: string;
  state: StoredState;
  /** When the next attempt is due; null unless queued or deferred. */
  nextAttemptAt: number | null;
  tries: number;
  /** Code and sentence of the latest trouble, or null. */
  code: string | null;
  cause: string | null;
}

/** What changes; what is left out stays. `nextAttemptAt` belongs to queued and deferred alone. */
export type RecipientChange = (
  | { state: 'queued' | 'deferred'; nextAttemptAt: number }
  | { state: SettledOrKept }
) &
  Partial<Pick<StoredRecipient, 'tries' | 'code' | 'cause'>>;

type SettledOrKept = Exclude<StoredState, 'queued' | 'deferred'>;

export interface RecipientTable {
  /** `device` is whose turn the recipients wait for (due-table.ts). */
  insert(number: number, to: { addresses: readonly string[]; device: string }, first: RecipientChange): void;
  change(recipient: StoredRecipient, change: RecipientChange): void;
  ofMessage(number: number): StoredRecipient[];
  removeOf(number: number): void;
}

export function createRecipientTable(db: Database, counters: Counters): RecipientTable {
  const insert = db.prepare(`
    INSERT INTO recipients (id, address, domain, device, state, next_attempt_at, tries, code, cause)
    VALUES (@id, @address, @domain, @device, @state, @nextAttemptAt, @tries, @code, @cause)`);
  const update = db.prepare(`
    UPDATE recipients SET state = @state, next_attempt_at = @nextAttemptAt, tries = @tries, code = @code,
      cause = @cause WHERE id = @id`);
  const select = db.prepare<[number, number], StoredRecipient>(`
    SELECT id, address, domain, state, next_attempt_at AS nextAttemptAt, tries, code, cause
    FROM recipients WHERE id BETWEEN ? AND ? ORDER BY id`);
  const remove = db.prepare<[number, number]>('DELETE FROM recipients WHERE id BETWEEN ? AND ?');

  const ofMessage = (number: number) => select.all(...childRange(number));

  return {
    insert(number, { addresses, device }, first) {
      for (const [place, address] of addresses.entries()) {
        const fresh = { id: childId(number, place), address, domain: domainOf(address), device, tries: 0 };
        insert.run({ ...fresh, code: null, cause: null, nextAttemptAt: null, ...roundedTime(first) });
      }
      counters.recipients[first.state] += addresses.length;
    },
    change(recipient, change) {
      counters.recipients[recipient.state]--;
      counters.recipients[change.state]++;
      update.run({ ...recipient, nextAttemptAt: null, ...roundedTime(change) });
    },
    ofMessage,
    removeOf(number) {
      for (const { state } of ofMessage(number)) counters.recipients[state]--;
      remove.run(...childRange(number));
    },
  };
}

/** Delays with jitter have fractions, which the table refuses; up, so that nothing is due early. */
function roundedTime(change: RecipientChange): RecipientChange {
  return 'nextAttemptAt' in change ? { ...change, nextAttemptAt: Math.ceil(change.nextAttemptAt) } : change;
}

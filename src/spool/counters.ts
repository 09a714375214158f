/** Running totals of the tables, so that asking how the spool stands costs no scan. */
import SqliteDatabase, { type Database } from 'better-sqlite3';
import type { RecipientState } from '../core/message.ts';
import { CHILDREN_MAX } from './numbers.ts';

/** States as stored: `sending` is known in memory only (claims.ts). */
export type StoredState = Exclude<RecipientState, 'sending'>;

export interface Counters {
  recipients: Record<StoredState, number>;
  /** Bytes of the bodies stored, as accepted. */
  bodyBytes: number;
  /** Bytes of those among them that a recipient in `held` waits with. */
  heldBytes: number;
}

/** Those whose next attempt has a time. */
const WAITING_STATES: ReadonlySet<StoredState> = new Set(['queued', 'deferred']);

/** One pass over the recipients; to look for those of each message took three times as long where 100,000 wait. */
const HAS_HELD = `m.number IN (SELECT r.id / ${CHILDREN_MAX} FROM recipients r WHERE r.state = 'held')`;

/**
 * Counts the tables once: at opening, and again after work was undone.
 * @throws SqliteError SQLITE_CORRUPT where a recipient is in no state, or waits in a state in which nobody does: opening
 * leaves that to this pass (database.ts).
 */
export function countTables(db: Database): Counters {
  const recipients = countStates(db);
  return {
    recipients,
    bodyBytes: sumBodies(db, 'true'),
    heldBytes: recipients.held === 0 ? 0 : sumBodies(db, HAS_HELD),
  };
}

function countStates(db: Database): Counters['recipients'] {
  const counts = { queued: 0, deferred: 0, held: 0, delivered: 0, failed: 0, cancelled: 0 };
  const states = db.prepare<[], { state: string; waits: 0 | 1; count: number }>(
    `SELECT state, next_attempt_at IS NOT NULL AS waits, count(*) AS count FROM recipients GROUP BY state, waits`,
  );
  for (const { state, waits, count } of states.all()) {
    if (!isStored(state, counts) || waits !== Number(WAITING_STATES.has(state))) {
      throw new SqliteDatabase.SqliteError(`${count} recipients are in state ${state}`, 'SQLITE_CORRUPT');
    }
    counts[state] = count;
  }
  return counts;
}

function isStored(state: string, counts: Counters['recipients']): state is StoredState {
  return Object.hasOwn(counts, state);
}

function sumBodies(db: Database, condition: string): number {
  const sum = db.prepare<[], number>(
    `SELECT coalesce(sum(m.body_bytes), 0) FROM messages m
     WHERE m.unsettled > 0 AND m.has_body = 1 AND ${condition}`,
  );
  return sum.pluck().get() ?? 0;
}

/** Running totals of the tables, so that asking how the spool stands costs no scan. */
import type { Database } from 'better-sqlite3';
import type { RecipientState } from '../core/message.ts';

/** States as stored: `sending` is known in memory only (claims.ts). */
export type StoredState = Exclude<RecipientState, 'sending'>;

export interface Counters {
  recipients: Record<StoredState, number>;
  /** Bytes of the bodies held, as accepted. */
  bodyBytes: number;
}

/** Counts the tables once: at opening, and again after work was undone. */
export function countTables(db: Database): Counters {
  const counters: Counters = {
    recipients: { queued: 0, deferred: 0, held: 0, delivered: 0, failed: 0, cancelled: 0 },
    bodyBytes:
      db
        .prepare<[], number>(
          'SELECT coalesce(sum(body_bytes), 0) FROM messages WHERE unsettled > 0 AND has_body = 1',
        )
        .pluck()
        .get() ?? 0,
  };
  const states = db.prepare<[], { state: StoredState; count: number }>(
    'SELECT state, count(*) AS count FROM recipients GROUP BY state',
  );
  for (const { state, count } of states.all()) counters.recipients[state] = count;
  return counters;
}

/** The event table: what happened, in order; also the outbox that readers follow by cursor. */
import type { Database } from 'better-sqlite3';
import type { EventRecord, NewEvent } from '../core/events.ts';
import type { MessageId } from '../core/message.ts';
import { IS_TROUBLE } from './migrations.ts';
import type { TroubleRecord } from './types.ts';

interface EventRow {
  seq: number;
  ts: number;
  type: string;
  data: string;
}

export interface EventTable {
  append(now: number, event: NewEvent): void;
  /** Events after `seq`, oldest first. */
  after(seq: number, limit: number): EventRecord[];
  troublesAfter(seq: number, limit: number): TroubleRecord[];
  /** The newest `limit`, oldest first. */
  latest(limit: number): EventRecord[];
  ofMessage(id: MessageId): EventRecord[];
  /** The latest time among the newest: after a start with the clock behind, the very newest has a time of long ago. */
  latestAt(): number | null;
  /** Removes up to `limit` of the oldest that are older than `before`; true when there may be more. */
  trim(before: number, limit: number): boolean;
}

/** More than a few starts with a wrong clock write before a time server is heard. */
const NEWEST_LOOKED_AT = 1000;

export function createEventTable(db: Database, onAppend: () => void): EventTable {
  const insert = db.prepare<[number, string, string | null, string]>(
    'INSERT INTO events (ts, type, message, data) VALUES (?, ?, ?, ?)',
  );
  const after = db.prepare<[number, number], EventRow>(
    'SELECT seq, ts, type, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?',
  );
  const troublesAfter = db.prepare<[number, number], EventRow>(
    `SELECT seq, ts, type, data FROM events INDEXED BY events_troubles
     WHERE seq > ? AND ${IS_TROUBLE} ORDER BY seq LIMIT ?`,
  );
  const latest = db.prepare<[number], EventRow>(
    'SELECT seq, ts, type, data FROM events ORDER BY seq DESC LIMIT ?',
  );
  const ofMessage = db.prepare<[string], EventRow>(
    'SELECT seq, ts, type, data FROM events WHERE message = ? ORDER BY seq',
  );
  const latestTime = db
    .prepare<[], number | null>(
      `SELECT max(ts) FROM (SELECT ts FROM events ORDER BY seq DESC LIMIT ${NEWEST_LOOKED_AT})`,
    )
    .pluck();
  // The newest stays, whatever its age: numbering goes on from it.
  const oldest = db.prepare<[number], { seq: number; ts: number }>(
    'SELECT seq, ts FROM events WHERE seq < (SELECT max(seq) FROM events) ORDER BY seq LIMIT ?',
  );
  const removeUpTo = db.prepare<[number]>('DELETE FROM events WHERE seq <= ?');

  return {
    append(now, event) {
      const message = 'message' in event.data ? event.data.message : null;
      insert.run(now, event.type, message, JSON.stringify(event.data));
      onAppend();
    },
    after: (seq, limit) => after.all(seq, limit).map(toRecord),
    // The condition of the search lets no other type through.
    troublesAfter: (seq, limit) => troublesAfter.all(seq, limit).map(toRecord) as TroubleRecord[],
    latest: (limit) => latest.all(limit).reverse().map(toRecord),
    ofMessage: (id) => ofMessage.all(id).map(toRecord),
    latestAt: () => latestTime.get() ?? null,
    trim(before, limit) {
      const rows = oldest.all(limit);
      const young = rows.findIndex(({ ts }) => ts >= before);
      const old = young < 0 ? rows : rows.slice(0, young);
      const last = old.at(-1);
      if (last !== undefined) removeUpTo.run(last.seq);
      return old.length === limit;
    },
  };
}

function toRecord({ seq, ts, type, data }: EventRow): EventRecord {
  // The table holds only what `append` wrote, and `append` takes typed events.
  return { seq, ts, type, data: JSON.parse(data) } as EventRecord;
}

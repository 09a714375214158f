/**
 * The recipients that wait for their next attempt, as lines: one line for each device and recipient domain.
 *
 * The index is ordered by device, domain and time, so each step below is one search in it. What a search for the
 * next message costs thus grows with the number of lines, never with the length of one: a backlog of 100,000 from
 * one device, or behind a paused route, is passed over in one step.
 */
import type { Database } from 'better-sqlite3';

/** A place in a line. */
export interface DueRow {
  device: string;
  domain: string;
  id: number;
  nextAttemptAt: number;
}

export interface DueTable {
  /** The first line of the first device after `device` in the order of their names; '' is before all. */
  firstLineAfter(device: string): DueRow | null;
  /** Whoever waits longest in each line of a device. */
  linesOf(device: string): DueRow[];
  /** Who comes next in the same line, one after the other; to be used up before the table changes. */
  following(row: DueRow): Iterator<DueRow, undefined>;
  /** Everybody who waits, whoever waits longest first; for people, not for each delivery. */
  waiting(limit: number): DueRow[];
}

const COLUMNS = 'device, domain, id, next_attempt_at AS nextAttemptAt';
/** Word for word the condition of the partial index recipients_due. */
const WAITS = 'next_attempt_at IS NOT NULL';
/** Rows read at once along a line: at its head stand those being sent, which each search passes over. */
const READ_AHEAD = 32;

/**
 * `+?` where `?` would do: SQLite looks at a plain parameter when it plans the order of rows, and then compiles the
 * statement anew each time one is bound, which took ten times as long as the search.
 */
export function createDueTable(db: Database): DueTable {
  const firstAfter = db.prepare<[string], DueRow>(
    `SELECT ${COLUMNS} FROM recipients WHERE ${WAITS} AND device > +?
     ORDER BY device, domain, next_attempt_at, id LIMIT 1`,
  );
  const nextLine = db.prepare<[string, string], DueRow>(
    `SELECT ${COLUMNS} FROM recipients WHERE ${WAITS} AND device = +? AND domain > +?
     ORDER BY domain, next_attempt_at, id LIMIT 1`,
  );
  const lineStart = db.prepare<[string, string], DueRow>(
    `SELECT ${COLUMNS} FROM recipients WHERE ${WAITS} AND device = +? AND domain = +?
     ORDER BY next_attempt_at, id LIMIT 1`,
  );
  const next = db.prepare<[string, string, number, number], DueRow>(
    `SELECT ${COLUMNS} FROM recipients WHERE ${WAITS} AND device = +? AND domain = +?
       AND (next_attempt_at, id) > (+?, +?)
     ORDER BY next_attempt_at, id LIMIT ${READ_AHEAD}`,
  );
  const everybody = db.prepare<[number], DueRow>(
    `SELECT ${COLUMNS} FROM recipients WHERE ${WAITS} AND device IS NOT NULL
     ORDER BY next_attempt_at, id LIMIT ?`,
  );

  function* following(row: DueRow): Generator<DueRow, undefined> {
    for (let last: DueRow | undefined = row; last !== undefined; ) {
      const rows = next.all(last.device, last.domain, last.nextAttemptAt, last.id);
      yield* rows;
      last = rows.length === READ_AHEAD ? rows.at(-1) : undefined;
    }
    return undefined;
  }

  return {
    firstLineAfter: (device) => firstAfter.get(device) ?? null,
    linesOf(device) {
      const lines: DueRow[] = [];
      // A recipient without a domain stands in a line of its own, which comes before all others.
      let line = lineStart.get(device, '') ?? nextLine.get(device, '');
      while (line !== undefined) {
        lines.push(line);
        line = nextLine.get(device, line.domain);
      }
      return lines;
    },
    following,
    waiting: (limit) => everybody.all(limit),
  };
}

/** Rows of attempts: who answered what, word for word. */
import type { Database } from 'better-sqlite3';
import type { UpstreamFacts } from '../core/outcome.ts';
import { IS_UNCERTAIN } from './migrations.ts';
import { childRange } from './numbers.ts';
import type { AttemptRecord, Settlement } from './types.ts';

interface AttemptRow {
  route: string;
  started_at: number;
  ended_at: number;
  upstream: string | null;
  results: string;
}

export interface AttemptTable {
  insert(
    number: number,
    attempt: NonNullable<Settlement['attempt']>,
    results: AttemptRecord['results'],
  ): void;
  ofMessage(number: number): AttemptRecord[];
  removeOf(number: number): void;
  /** How many have a recipient whose reply was lost. */
  countUncertain(): number;
}

export function createAttemptTable(db: Database): AttemptTable {
  const insert = db.prepare<[number, string, number, number, string | null, string]>(
    'INSERT OR REPLACE INTO attempts (id, route, started_at, ended_at, upstream, results) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const last = db
    .prepare<[number, number], number>(
      'SELECT id FROM attempts WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1',
    )
    .pluck();
  const select = db.prepare<[number, number], AttemptRow>(
    'SELECT route, started_at, ended_at, upstream, results FROM attempts WHERE id BETWEEN ? AND ? ORDER BY id',
  );
  const uncertain = db
    .prepare<[], number>(`SELECT count(*) FROM attempts INDEXED BY attempts_uncertain WHERE ${IS_UNCERTAIN}`)
    .pluck();
  const remove = db.prepare<[number, number]>('DELETE FROM attempts WHERE id BETWEEN ? AND ?');

  /** A message that outlives 65,536 attempts keeps the latest in the last place. */
  function nextId(number: number): number {
    const [first, end] = childRange(number);
    const lastId = last.get(first, end);
    return lastId === undefined ? first : Math.min(lastId + 1, end);
  }

  return {
    insert(number, { routeId, startedAt, endedAt, upstream }, results) {
      const facts = upstream === null ? null : JSON.stringify(upstream);
      const [started, ended] = [Math.round(startedAt), Math.round(endedAt)];
      insert.run(nextId(number), routeId, started, ended, facts, JSON.stringify(results));
    },
    ofMessage: (number) => select.all(...childRange(number)).map(toRecord),
    countUncertain: () => uncertain.get() ?? 0,
    removeOf: (number) => void remove.run(...childRange(number)),
  };
}

function toRecord(row: AttemptRow): AttemptRecord {
  // Only `insert` writes these columns.
  const upstream = row.upstream === null ? null : (JSON.parse(row.upstream) as UpstreamFacts);
  return {
    routeId: row.route,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    host: upstream?.host ?? null,
    tls: upstream?.tls ?? null,
    results: JSON.parse(row.results) as AttemptRecord['results'],
  };
}

/** Reads every row of a damaged table that can still be read, stepping over the pages that can't. */
import type { Database, Statement } from 'better-sqlite3';
import { isDamage } from './problems.ts';

export interface SalvagedRow {
  /** The row's id; 0 in a table without. */
  position: number;
  values: unknown[];
}

/** Yields readable rows with the named columns; a column the damaged file doesn't have is null. */
export function* readableRows(
  db: Database,
  table: string,
  columns: readonly string[],
): Generator<SalvagedRow> {
  const present = columnsOf(db, table);
  if (present.size === 0) return;
  const list = columns.map((column) => (present.has(column) ? column : 'NULL')).join(', ');
  if (table === 'facts') yield* readFromBothEnds(db, table, list);
  else yield* readById(db, table, list);
}

function columnsOf(db: Database, table: string): Set<string> {
  return (
    damagedToNull(
      () => new Set(db.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table)),
    ) ?? new Set()
  );
}

/**
 * One row at a time by id, so that a bad page costs its own rows only: what follows is found by doubling the step
 * until a row can be read again, then halving back to the first.
 */
function* readById(db: Database, table: string, list: string): Generator<SalvagedRow> {
  const next = damagedToNull(() =>
    db
      .prepare<[number], unknown[]>(
        `SELECT rowid, ${list} FROM ${table} NOT INDEXED WHERE rowid >= ? ORDER BY rowid LIMIT 1`,
      )
      .raw(),
  );
  if (next === null) return;
  let from: number | null = 0;
  while (from !== null) {
    const row = damagedToNull(() => next.get(from ?? 0) ?? []);
    if (row === null) {
      from = firstReadableAfter(next, from);
      continue;
    }
    const [id, ...values] = row;
    // A page that lies about its ids must not send the reader back.
    if (typeof id !== 'number' || id < from) return;
    yield { position: id, values };
    from = id + 1;
  }
}

function firstReadableAfter(next: Statement<[number], unknown[]>, bad: number): number | null {
  const isReadable = (id: number) => damagedToNull(() => next.get(id) ?? []) !== null;
  let step = 1;
  while (!isReadable(bad + step)) {
    step *= 2;
    if (bad + step > Number.MAX_SAFE_INTEGER) return null;
  }
  let low = bad + Math.floor(step / 2);
  let high = bad + step;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (isReadable(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** A table without ids: from the front to the damage, then from the back; a row seen twice is ignored at insert. */
function* readFromBothEnds(db: Database, table: string, list: string): Generator<SalvagedRow> {
  for (const direction of ['ASC', 'DESC']) {
    const rows = damagedToNull(() =>
      db
        .prepare<[], unknown[]>(`SELECT ${list} FROM ${table} ORDER BY room ${direction}, key ${direction}`)
        .raw()
        .iterate(),
    );
    if (rows === null) continue;
    for (;;) {
      const step = damagedToNull(() => rows.next());
      if (step === null || step.done) break;
      yield { position: 0, values: step.value };
    }
  }
}

function damagedToNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    // SQLITE_ERROR: a table that the damaged schema doesn't know any more.
    if (isDamage(error) || (error instanceof Error && 'code' in error && error.code === 'SQLITE_ERROR'))
      return null;
    throw error;
  }
}

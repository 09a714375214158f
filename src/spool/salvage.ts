/**
 * Carries what can be read from a damaged database to a fresh one, row by row, and puts the damaged file aside.
 *
 * The fresh file takes the place of the damaged one in a single rename, after everything is in it: a crash in
 * between leaves the damaged file to be salvaged again. Bodies come last, so that a full disk costs bodies and not
 * the record of what there was. Whatever could not be made whole is set to failed with a reason, never passed over.
 */
import Database from 'better-sqlite3';
import { type DatabaseOptions, openFresh } from './database.ts';
import { freshNameOf, nameForDamaged, replaceFile, setAside } from './files.ts';
import { ownerOf } from './numbers.ts';
import { isDamage, sqliteCode } from './problems.ts';
import { type MendResult, mendRelations } from './salvage-mend.ts';
import { readableRows, type SalvagedRow } from './salvage-read.ts';

export interface SalvageReport extends MendResult {
  /** Where the damaged file is kept for a person to look at. */
  damagedFile: string;
}

/** Tables in the order of their worth. */
const TABLES = ['messages', 'recipients', 'keys', 'facts', 'events', 'attempts'] as const;

/**
 * Replaces the damaged database by a fresh one with everything that could be read.
 * @param now wall clock, epoch milliseconds.
 */
export function salvageDatabase(options: DatabaseOptions, boxKey: Buffer, now: number): SalvageReport {
  const damagedFile = nameForDamaged(options.file, now);
  const fresh = { ...options, file: freshNameOf(options.file) };
  const to = openFresh(fresh);
  let result: MendResult;
  try {
    to.pragma('foreign_keys = OFF');
    copyAll(options, to);
    result = mendRelations({ db: to, boxKey, damagedFile, now });
  } finally {
    to.close();
  }
  setAside(options.file, damagedFile);
  replaceFile(fresh.file, options.file);
  return { damagedFile, ...result };
}

function copyAll(options: DatabaseOptions, to: Database.Database): void {
  const from = openDamaged(options);
  if (from === null) return;
  try {
    for (const table of TABLES) copyTable(from, to, table, () => true);
    const withBody = new Set(
      to.prepare<[], number>('SELECT number FROM messages WHERE has_body = 1').pluck().all(),
    );
    copyTable(from, to, 'chunks', ({ position }) => withBody.has(ownerOf(position)));
  } finally {
    from.close();
  }
}

/** Null when not even a first look is possible. */
function openDamaged({ file, nativeBinding }: DatabaseOptions): Database.Database | null {
  try {
    const db = new Database(file, {
      fileMustExist: true,
      ...(nativeBinding === null ? {} : { nativeBinding }),
    });
    // Lets SQLite read on past damage in the schema where it can.
    db.unsafeMode(true);
    db.pragma('writable_schema = ON');
    return db;
  } catch (error) {
    if (isDamage(error)) return null;
    throw error;
  }
}

/** Copies the rows that `isWanted`; rows that break a constraint of the schema are damage and stay behind. */
function copyTable(
  from: Database.Database,
  to: Database.Database,
  table: string,
  isWanted: (row: SalvagedRow) => boolean,
): void {
  const columns = to.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table);
  const marks = columns.map(() => '?').join(', ');
  const insert = to.prepare(`INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${marks})`);
  let batchBytes = 0;
  try {
    for (const row of readableRows(from, table, columns)) {
      if (!isWanted(row)) continue;
      if (!to.inTransaction) to.exec('BEGIN');
      insertIfSound(insert, row.values);
      batchBytes += bytesOf(row.values);
      if (batchBytes < BATCH_BYTES) continue;
      to.exec('COMMIT');
      batchBytes = 0;
    }
    if (to.inTransaction) to.exec('COMMIT');
  } catch (error) {
    if (to.inTransaction) to.exec('ROLLBACK');
    // A full disk keeps what has been copied; what is missing is found when relations are mended.
    if (sqliteCode(error) !== 'SQLITE_FULL') throw error;
  }
}

/** Copied between two commits: on a full disk no more than this is missing. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** What a row weighs apart from its bytes. */
const ROW_BYTES = 256;

function bytesOf(values: readonly unknown[]): number {
  return values.reduce<number>(
    (sum, value) => sum + (value instanceof Uint8Array ? value.length : 0),
    ROW_BYTES,
  );
}

function insertIfSound(insert: Database.Statement, values: unknown[]): void {
  try {
    insert.run(...values);
  } catch (error) {
    if (!/^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(sqliteCode(error) ?? '')) throw error;
  }
}

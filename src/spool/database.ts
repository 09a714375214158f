/**
 * Opens the database file: durable settings, schema, check; a damaged file is salvaged into a fresh one.
 *
 * A file is only ever made beside its place and renamed into it, so an empty or half-made one is damage, not a start.
 * The check reads every table but `chunks`: it grows with the history and not with gigabytes of bodies. A damaged
 * body is found when it is read, because its chunks are authenticated. States of recipients are left to counters.ts.
 */
import { existsSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import { freshNameOf, makePrivateFile, replaceFile, syncFolderOf } from './files.ts';
import { MIGRATIONS, SCHEMA_VERSION } from './migrations.ts';
import { isDamage, PROBLEMS, sqliteCode } from './problems.ts';
import type { StorageLayout } from './storage.ts';

export interface DatabaseOptions {
  file: string;
  nativeBinding: string | null;
  layout: StorageLayout;
}

/** `synchronous` as SQLite counts it: the commit waits until the disk has it. */
const FULL = 2;
/** How long the lock of an agent that is just ending is waited for. */
const LOCK_WAIT_MS = 2000;

/** Tables that are checked at every start. */
export const CHECKED_TABLES = [
  'keys',
  'messages',
  'recipients',
  'garbage',
  'attempts',
  'events',
  'facts',
] as const;

/**
 * Opens the database and makes it where there is none.
 * @throws OperatorError when it can't be used; SqliteError for which `isDamage` holds when it is damaged.
 */
export function openDatabase(options: DatabaseOptions): Database.Database {
  try {
    if (!existsSync(options.file)) createDatabase(options);
    return openExisting(options);
  } catch (error) {
    throw explainOpening(error, options.file);
  }
}

/** Makes an empty database at `file`; the fresh file is complete before it gets its name. */
function createDatabase(options: DatabaseOptions): void {
  const fresh = { ...options, file: freshNameOf(options.file) };
  openFresh(fresh).close();
  replaceFile(fresh.file, options.file);
}

/** Opens a database that is in the making, under a name of its own. */
export function openFresh(options: DatabaseOptions): Database.Database {
  makePrivateFile(options.file);
  const db = connect(options);
  migrate(db);
  return db;
}

/** Reads a setting of the connection. */
export function readPragma(db: Database.Database, name: string): unknown {
  return db.pragma(name, { simple: true });
}

/** What SQLite finds wrong with a table or its indexes, or null. */
export function troubleIn(db: Database.Database, table: string): string | null {
  const found = String(db.pragma(`quick_check('${table}')`, { simple: true }));
  return found === 'ok' ? null : `${table}: ${found}`;
}

/** Writes without changing anything: unlike a row, SQLite writes this even where it stays the same (sqlite3BtreeUpdateMeta). */
export function rewriteVersion(db: Database.Database): void {
  db.pragma(`user_version = ${Number(readPragma(db, 'user_version'))}`);
}

function openExisting(options: DatabaseOptions): Database.Database {
  // SQLite would take an empty file for a new database; here it is one whose content was lost.
  if (statSync(options.file).size === 0) throw new Database.SqliteError('the file is empty', 'SQLITE_NOTADB');
  const db = connect(options);
  try {
    migrate(db);
    for (const table of CHECKED_TABLES) checkTable(db, table);
    syncFolderOf(options.file);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function connect({ file, nativeBinding, layout }: DatabaseOptions): Database.Database {
  const db = new Database(file, {
    timeout: LOCK_WAIT_MS,
    ...(nativeBinding === null ? {} : { nativeBinding }),
  });
  try {
    // Before anything is written: a newer version's file stays exactly as it is.
    refuseNewer(db, file);
    // Two agents on one spool would send everything twice; the lock also spares system calls per commit.
    db.pragma('locking_mode = EXCLUSIVE');
    layOut(db, layout);
    // The lock would be taken at the first write; now, the second agent is told at its start. Not before the file
    // is laid out: it gives an empty one its header, which fixes that.
    db.exec('BEGIN EXCLUSIVE; COMMIT');
    db.pragma(`journal_mode = ${layout.journalMode}`);
    // better-sqlite3 is built with NORMAL for a reopened WAL file, which loses commits in a power cut.
    db.pragma('synchronous = FULL');
    db.pragma('secure_delete = FAST');
    // Savepoints hold pages with keys: never in a file of the temporary folder.
    db.pragma('temp_store = MEMORY');
    db.pragma(`cache_size = -${LIMITS.spoolCacheBytes / 1024}`);
    db.pragma('foreign_keys = ON');
    db.pragma('cell_size_check = ON');
    const level = readPragma(db, 'synchronous');
    if (level !== FULL) throw new OperatorError(PROBLEMS.notDurable(level));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Only an empty file takes these. To another, auto_vacuum would be written at each opening, and a spool in order must
 * open without a write: on a full disk, too, devices are to hear 452 and not a refused connection.
 */
function layOut(db: Database.Database, layout: StorageLayout): void {
  if (Number(readPragma(db, 'page_count')) > 0) return;
  db.pragma(`page_size = ${layout.pageBytes}`);
  db.pragma(`auto_vacuum = ${layout.autoVacuum}`);
}

function refuseNewer(db: Database.Database, file: string): void {
  const version = Number(readPragma(db, 'user_version'));
  if (version > SCHEMA_VERSION) {
    throw new OperatorError(PROBLEMS.newerVersion(file, version, SCHEMA_VERSION));
  }
}

function migrate(db: Database.Database): void {
  const version = Number(readPragma(db, 'user_version'));
  const run = db.transaction((sql: string, next: number) => {
    db.exec(sql);
    db.pragma(`user_version = ${next}`);
  });
  for (const step of MIGRATIONS) {
    if (step.version > version) run.immediate(step.sql, step.version);
  }
}

/**
 * Throws SQLITE_CORRUPT when SQLite finds something wrong with a table or its indexes. Constraints of recipients are not
 * evaluated: SQLite makes the list of states anew for each row, 150 ms of a start with 100,000 waiting.
 */
function checkTable(db: Database.Database, table: string): void {
  db.pragma(`ignore_check_constraints = ${table === 'recipients' ? 'ON' : 'OFF'}`);
  const found = troubleIn(db, table);
  db.pragma('ignore_check_constraints = OFF');
  if (found !== null) throw new Database.SqliteError(found, 'SQLITE_CORRUPT');
}

function explainOpening(error: unknown, file: string): unknown {
  const code = sqliteCode(error);
  // What is neither SQLite's nor the file system's is our own mistake, or an addon that doesn't load.
  if (code === null && !(error instanceof Error && 'errno' in error)) return error;
  if (isDamage(error)) return error;
  const isLocked = code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED';
  const explanation = isLocked ? PROBLEMS.inUse(file) : PROBLEMS.notOpened(file, describeError(error));
  return new OperatorError(explanation, { cause: error });
}

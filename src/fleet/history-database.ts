/** Opens the fleet's database: what sites told over time, in one file that two watchers on one machine may share. */
import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { PROBLEMS } from './problems.ts';

export interface HistoryOptions {
  file: string;
  /** The addon of the bundle; null for the one of the package. */
  nativeBinding: string | null;
}

const SCHEMA_VERSION = 1;
/** `synchronous` as SQLite counts it: a commit waits until the disk has it. */
const FULL = 2;
/** Writes of the other watcher take milliseconds. */
const LOCK_WAIT_MS = 5000;

const SCHEMA = `
  CREATE TABLE sites (id INTEGER PRIMARY KEY, site TEXT NOT NULL UNIQUE);
  -- peaks: JSON, the highest value of each key in the step that begins at ts
  CREATE TABLE numbers (
    step INTEGER NOT NULL, site INTEGER NOT NULL REFERENCES sites, ts INTEGER NOT NULL, peaks TEXT NOT NULL,
    PRIMARY KEY (step, site, ts)
  ) WITHOUT ROWID;
  -- A box that was set up again counts its events from 1: the time is part of the identity.
  CREATE TABLE events (
    site INTEGER NOT NULL REFERENCES sites, ts INTEGER NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (site, ts, seq)
  ) WITHOUT ROWID;
`;

/**
 * Opens the file and makes it where there is none.
 * @throws OperatorError when it can't be used.
 */
export function openHistoryDatabase({ file, nativeBinding }: HistoryOptions): Database.Database {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const db = new Database(file, {
      timeout: LOCK_WAIT_MS,
      ...(nativeBinding === null ? {} : { nativeBinding }),
    });
    try {
      chmodSync(file, 0o600);
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = FULL');
      if (db.pragma('synchronous', { simple: true }) !== FULL) throw new Error('the disk is not waited for');
      db.transaction(() => migrate(db)).immediate();
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (cause) {
    throw new OperatorError(PROBLEMS.historyFailed(file, describeError(cause)), { cause });
  }
}

function migrate(db: Database.Database): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version === SCHEMA_VERSION) return;
  if (version > SCHEMA_VERSION) throw new Error('it was written by a newer version of Scanferry');
  db.exec(SCHEMA);
  db.pragma(`user_version = ${SCHEMA_VERSION}`);
}

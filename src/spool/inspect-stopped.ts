/** Looks through the spool of an agent that does not run, without changing anything. */
import { existsSync, statfsSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { OperatorError } from '../core/errors.ts';
import type { EventRecord } from '../core/events.ts';
import { describeError } from '../core/log.ts';
import { readBack } from './connection.ts';
import { CHECKED_TABLES, readPragma, troubleIn } from './database.ts';
import { isDamage, PROBLEMS, sqliteCode } from './problems.ts';
import { SPOOL_FILE } from './spool.ts';
import { statsOf } from './stats.ts';
import { createStore } from './store.ts';
import type { SpoolInspection, SpoolStats } from './types.ts';

export interface StoppedSpoolOptions {
  /** The data folder. */
  directory: string;
  boxKey: Buffer;
  maxBytes: number;
  nativeBinding: string | null;
  /** How many of the newest events to read; none when left out. */
  latestEvents?: number;
}

export type StoppedSpool =
  | {
      inspection: SpoolInspection;
      stats: SpoolStats;
      /** Version of the schema in the file. */
      schemaVersion: number;
      /** Oldest first. */
      events: EventRecord[];
    }
  /** Too damaged to be read through. */
  | { damage: string };

/** An agent that has just stopped may still hold the lock for this long. */
const LOCK_WAIT_MS = 2000;

/**
 * Opens the file for reading only, so a journal that a power cut left behind stays for the next start to apply.
 * @returns null where there is no spool yet.
 * @throws OperatorError when another process has it open, or it can't be read.
 */
export function inspectStoppedSpool(options: StoppedSpoolOptions): StoppedSpool | null {
  const file = path.join(options.directory, SPOOL_FILE);
  if (!existsSync(file)) return null;
  try {
    const db = openForReading(file, options.nativeBinding);
    try {
      return lookThrough(db, options);
    } finally {
      db.close();
    }
  } catch (cause) {
    const isLocked = /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(cause) ?? '');
    const why = isLocked ? PROBLEMS.inUse(file) : PROBLEMS.notOpened(file, describeError(cause));
    throw new OperatorError(why, { cause });
  }
}

function openForReading(file: string, nativeBinding: string | null): Database.Database {
  return new Database(file, {
    readonly: true,
    timeout: LOCK_WAIT_MS,
    ...(nativeBinding === null ? {} : { nativeBinding }),
  });
}

function lookThrough(
  db: Database.Database,
  { directory, boxKey, maxBytes, latestEvents = 0 }: StoppedSpoolOptions,
): StoppedSpool {
  try {
    // As the agent's own connection sets it; what is read back is what this build of SQLite makes of it.
    db.pragma('synchronous = FULL');
    const trouble = CHECKED_TABLES.map((table) => troubleIn(db, table)).find((found) => found !== null);
    const { bavail, bsize } = statfsSync(directory);
    const store = createStore({ db, boxKey, onEvent: () => {} });
    const stats = statsOf(store, new Map(), { maxBytes, freeBytes: bavail * bsize, refusal: null });
    return {
      inspection: { ...readBack(db), trouble: trouble ?? null },
      stats,
      schemaVersion: Number(readPragma(db, 'user_version')),
      events: store.events.latest(latestEvents),
    };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { damage: describeError(error) };
  }
}

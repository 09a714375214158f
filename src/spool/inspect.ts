/** Looks at one table of the open spool without changing anything. */
import type { Database } from 'better-sqlite3';
import { readBack } from './connection.ts';
import { CHECKED_TABLES, troubleIn } from './database.ts';
import type { SpoolInspection } from './types.ts';

/** Looks at one of CHECKED_TABLES; `next` is the index of the one after it, or null. */
export function inspectTable(db: Database, index: number): SpoolInspection & { next: number | null } {
  const table = CHECKED_TABLES[index];
  const next = index + 1 < CHECKED_TABLES.length ? index + 1 : null;
  return { ...readBack(db), trouble: table === undefined ? null : troubleIn(db, table), next };
}

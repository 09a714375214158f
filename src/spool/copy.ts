/** Copies the database while it is in use: all of it, or what a box without messages needs to know. */
import type { Database } from 'better-sqlite3';
import { type DatabaseOptions, openFresh } from './database.ts';
import { makePrivateFile } from './files.ts';
import type { GroupCommit } from './group-commit.ts';

/** Pages copied before others get their turn: 4 MiB of 4 KiB pages, and 64 MiB where scans pour in meanwhile. */
const PAGES_IN_ONE_GO = { min: 1024, max: 16_384 };

/** The whole database, to the file `target`, which is made. What is written meanwhile is in the copy too. */
export async function copyDatabase(db: Database, group: GroupCommit, target: string): Promise<void> {
  makePrivateFile(target);
  // SQLite copies only between transactions, and tells a copy that found none as one that is complete.
  const release = group.commitEachAlone();
  try {
    const { totalPages } = await db.backup(target, { progress: pace() });
    if (totalPages === 0) throw new Error('the database could not be copied: a transaction stood open');
  } finally {
    release();
  }
}

/** Twice what came in since the last go: the copy gains on whoever writes, and ends. */
function pace(): (progress: { totalPages: number }) => number {
  let before = 0;
  return ({ totalPages }) => {
    const grown = before === 0 ? 0 : totalPages - before;
    before = totalPages;
    return Math.min(Math.max(PAGES_IN_ONE_GO.min, 2 * grown), PAGES_IN_ONE_GO.max);
  };
}

/** Facts alone, and the newest event, so that numbering goes on. Small, so it is done in one go. */
export function copyFacts(db: Database, options: DatabaseOptions): void {
  const copy = openFresh(options);
  try {
    copy.transaction(() => {
      const fact = copy.prepare('INSERT INTO facts (room, key, value) VALUES (?, ?, ?)');
      for (const row of db
        .prepare<[], [string, string, string]>('SELECT room, key, value FROM facts')
        .raw()
        .iterate())
        fact.run(...row);
      const event = copy.prepare(
        'INSERT INTO events (seq, ts, type, message, data) VALUES (?, ?, ?, NULL, ?)',
      );
      const newest = db
        .prepare<[], [number, number, string, string]>(
          'SELECT seq, ts, type, data FROM events ORDER BY seq DESC LIMIT 1',
        )
        .raw()
        .get();
      if (newest !== undefined) event.run(...newest);
    })();
  } finally {
    copy.close();
  }
}

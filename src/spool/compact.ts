/**
 * Gives the disk back what a long outage took: a spool that has become small again is written to a fresh file, which
 * takes the place of the old one.
 *
 * SQLite could shorten the file a little at a time (auto_vacuum), but then it notes for each page who refers to it,
 * and that was 4 to 9 % of all bytes written for scans (docs/decisions/0003-spool-storage.md).
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { LIMITS } from '../core/limits.ts';
import { readPragma } from './database.ts';
import { makePrivateFile, removeDatabase } from './files.ts';

/**
 * Whether it pays: much would be given back, more than has to be written, and writing it keeps others waiting for
 * seconds at most.
 * @param diskBytes free on the disk; the fresh file needs room beside the old one, and nobody else shall feel it.
 */
export function isWorthCompacting(db: Database, diskBytes: number): boolean {
  const [pages, freePages, pageBytes] = ['page_count', 'freelist_count', 'page_size'].map((name) =>
    Number(readPragma(db, name)),
  ) as [number, number, number];
  const free = freePages * pageBytes;
  const live = pages * pageBytes - free;
  const isSmall = live <= Math.min(free, LIMITS.spoolCompactBytesMax, diskBytes / 2);
  return isSmall && free > LIMITS.spoolFreeBytesKept;
}

/** Writes all that is live to the file `target`, durably. Nothing of it stays where that fails. */
export function writeCompact(db: Database, target: string): void {
  makePrivateFile(target);
  try {
    // Spools of before had auto_vacuum.
    db.pragma('auto_vacuum = NONE');
    db.prepare('VACUUM INTO ?').run(target);
    const file = openSync(target, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    removeDatabase(target);
    throw error;
  }
}

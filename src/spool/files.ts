/** Names in the data folder that change hands: renamed in one step and made durable, and damaged files kept aside. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { LIMITS } from '../core/limits.ts';

/** Files that SQLite keeps beside a database; a left one would be applied to whatever has the name next. */
const COMPANIONS = ['-journal', '-wal', '-shm'] as const;

/** Owner only: senders, recipients and replies stand in it in clear. */
export const PRIVATE_MODE = 0o600;

/** Name of the file that will take the place of `file`. */
export function freshNameOf(file: string): string {
  return `${file}.new`;
}

/** Makes an empty file for the owner alone; SQLite gives its journal the same mode (findCreateFileMode). */
export function makePrivateFile(file: string): void {
  removeDatabase(file);
  closeSync(openSync(file, 'wx', PRIVATE_MODE));
}

/** Removes a database and what SQLite keeps beside it; nothing happens where there is none. */
export function removeDatabase(file: string): void {
  for (const suffix of ['', ...COMPANIONS]) rmSync(file + suffix, { force: true });
}

/** Puts the complete and closed file `fresh` in the place of `file`, durably; an emptied journal of its goes. */
export function replaceFile(fresh: string, file: string): void {
  renameSync(fresh, file);
  for (const suffix of COMPANIONS) rmSync(fresh + suffix, { force: true });
  syncFolderOf(file);
}

/** A name is on the disk only once its folder is (fsync(2)). */
export function syncFolderOf(file: string): void {
  const folder = openSync(path.dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Gives the damaged `file` a second name that stays when a fresh file takes its place, and moves its companions.
 * A crash in between leaves the damaged file where it was, to be salvaged again.
 */
export function setAside(file: string, damaged: string): void {
  linkSync(file, damaged);
  for (const suffix of COMPANIONS) {
    if (existsSync(file + suffix)) renameSync(file + suffix, damaged + suffix);
  }
  removeOldDamaged(file);
  syncFolderOf(file);
}

/** A name for a damaged file that nothing has yet, with the time in it. */
export function nameForDamaged(file: string, nowMs: number): string {
  for (let count = 0; ; count++) {
    const suffix = count === 0 ? '' : `-${count}`;
    const name = path.join(path.dirname(file), `${damagedPrefix(file)}${stampOf(nowMs)}${suffix}.db`);
    if (!existsSync(name)) return name;
  }
}

/** Removes files put aside before `beforeMs`: they hold keys of messages that have been delivered since. */
export function removeDamagedBefore(file: string, beforeMs: number): void {
  const limit = damagedPrefix(file) + stampOf(beforeMs);
  removeDamaged(
    file,
    damagedNames(file).filter((name) => name < limit),
  );
}

function removeOldDamaged(file: string): void {
  removeDamaged(file, damagedNames(file).slice(0, -LIMITS.spoolDamagedFilesMax));
}

/** Oldest first: the time in their names sorts. */
function damagedNames(file: string): string[] {
  return readdirSync(path.dirname(file))
    .filter((name) => name.startsWith(damagedPrefix(file)) && name.endsWith('.db'))
    .sort();
}

function removeDamaged(file: string, names: readonly string[]): void {
  for (const name of names) {
    for (const suffix of ['', ...COMPANIONS]) {
      rmSync(path.join(path.dirname(file), name + suffix), { force: true });
    }
  }
}

function damagedPrefix(file: string): string {
  return `${path.basename(file, '.db')}.damaged-`;
}

function stampOf(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/[:.]/g, '-');
}

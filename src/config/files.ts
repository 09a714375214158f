/** Writes small files so that a power cut leaves the old one or the new one, never half of either. */
import {
  chownSync,
  closeSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { isMissing } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

/** Owner only: keys and secrets. */
export const PRIVATE_MODE = 0o600;

/** Makes a folder for its owner alone, which is that of the folder around it where root makes it. */
export function makeFolder(directory: string): void {
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (made === undefined || !isRoot()) return;
  const { uid, gid } = statSync(path.dirname(made));
  for (let folder = path.resolve(directory); folder.length >= made.length; folder = path.dirname(folder))
    chownSync(folder, uid, gid);
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * Writes to a temporary file beside `file`, syncs it, renames it over, and syncs the folder. What root writes belongs to
 * whoever owns the folder: the agent of a box has a user of its own and must be able to read it.
 */
export function writeFileDurably(file: string, content: string | Buffer, mode: number): void {
  writeBeside(file, { content, mode }, (temporary) => renameSync(temporary, file));
}

/** As `writeFileDurably`, but a file that is there already stays. @returns false then. */
export function writeNewDurably(file: string, content: string | Buffer, mode: number): boolean {
  return writeBeside(file, { content, mode }, (temporary) => givenName(temporary, file));
}

/** @param giveName what makes `file` of the temporary one; nothing of that is left, whatever happens. */
function writeBeside<T>(
  file: string,
  { content, mode }: { content: string | Buffer; mode: number },
  giveName: (temporary: string) => T,
): T {
  const directory = path.dirname(file);
  makeFolder(directory);
  const temporary = `${file}.${process.pid}.tmp`;
  let result: T;
  try {
    writeSynced(temporary, content, mode);
    result = giveName(temporary);
  } finally {
    rmSync(temporary, { force: true });
  }
  syncFolder(directory);
  return result;
}

/** The second of two that give the same name at the same moment learns of it, which a rename would not tell. */
function givenName(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    // Not every file system has links, such as exFAT.
    renameSync(from, to);
    return true;
  }
}

/** Removes `file`, where there is one, and syncs the folder: a power cut could bring it back. */
export function removeDurably(file: string): void {
  rmSync(file, { force: true });
  syncFolder(path.dirname(file));
}

/**
 * Removes from `folder` what `isOurs` knows by its name and nobody has written to for a while: whoever made it has
 * ended without. Younger things are left to those who are at work beside us.
 */
export function removeLeftovers(folder: string, isOurs: (name: string) => boolean, now: number): void {
  for (const name of readdirSync(folder).filter(isOurs)) {
    const file = path.join(folder, name);
    if (writtenAt(file) <= now - LIMITS.leftoverMinMs) rmSync(file, { recursive: true, force: true });
  }
}

/** When it, or what is in it, was written to last, epoch milliseconds; infinity where another has just removed it. */
function writtenAt(file: string): number {
  try {
    const found = lstatSync(file);
    const names = found.isDirectory() ? readdirSync(file) : [];
    return Math.max(found.mtimeMs, ...names.map((name) => writtenAt(path.join(file, name))));
  } catch (error) {
    if (isMissing(error)) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

function writeSynced(file: string, content: string | Buffer, mode: number): void {
  const handle = openSync(file, 'w', mode);
  try {
    // Not writeSync: where the disk is nearly full it writes what has room, and says so by no error (write(2)).
    writeFileSync(handle, content);
    if (isRoot()) giveAway(handle, path.dirname(file));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function giveAway(handle: number, directory: string): void {
  const [folder, own] = [statSync(directory), fstatSync(handle)];
  // Some file systems refuse even to be asked for the owner there is.
  if (own.uid !== folder.uid || own.gid !== folder.gid) fchownSync(handle, folder.uid, folder.gid);
}

/** A name is on the disk only once its folder is (fsync(2)). */
export function syncFolder(directory: string): void {
  const folder = openSync(directory, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

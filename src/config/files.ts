/** Writes small files so that a power cut leaves the old one or the new one, never half of either. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Owner only: keys and secrets. */
export const PRIVATE_MODE = 0o600;

/** Writes to a temporary file beside `file`, syncs it, renames it over, and syncs the folder. */
export function writeFileDurably(file: string, content: string | Buffer, mode: number): void {
  const directory = path.dirname(file);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeSynced(temporary, content, mode);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(directory);
}

function writeSynced(file: string, content: string | Buffer, mode: number): void {
  const handle = openSync(file, 'w', mode);
  try {
    // Not writeSync: where the disk is nearly full it writes what has room, and says so by no error (write(2)).
    writeFileSync(handle, content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function syncFolder(directory: string): void {
  const folder = openSync(directory, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Writes small files so that a power cut leaves the old one or the new one, never half of either. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';

/** Owner only: keys and secrets. */
export const PRIVATE_MODE = 0o600;

/** Writes to a temporary file beside `file`, syncs it, renames it over, and syncs the folder. */
export function writeFileDurably(file: string, content: string | Buffer, mode: number): void {
  const directory = path.dirname(file);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  const handle = openSync(temporary, 'w', mode);
  try {
    writeSync(handle, typeof content === 'string' ? Buffer.from(content) : content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
  const folder = openSync(directory, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

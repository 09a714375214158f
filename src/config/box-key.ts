/** The key of this box: 32 random bytes in the data folder, under which everything secret on disk is sealed. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { OperatorError } from '../core/errors.ts';
import { SEAL_KEY_BYTES } from '../core/seal.ts';
import { PRIVATE_MODE, writeFileDurably } from './files.ts';

const FILE_NAME = 'box.key';

/** Reads the box key, or null where there is none yet. Throws OperatorError when the file is damaged. */
export function readBoxKey(dataDir: string): Buffer | null {
  const file = path.join(dataDir, FILE_NAME);
  if (!existsSync(file)) return null;
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (key.length === SEAL_KEY_BYTES) return key;
  throw new OperatorError({
    code: 'config.box-key-damaged',
    cause: `The box key ${file} is damaged, so stored secrets and waiting scans can't be read.`,
    advice:
      'Restore the file from a backup; removing it gives up the stored secrets and the scans still waiting.',
  });
}

/** Reads the box key and makes one where there is none. */
export function openBoxKey(dataDir: string): Buffer {
  const existing = readBoxKey(dataDir);
  if (existing !== null) return existing;
  const key = randomBytes(SEAL_KEY_BYTES);
  writeFileDurably(path.join(dataDir, FILE_NAME), `${key.toString('base64')}\n`, PRIVATE_MODE);
  return key;
}

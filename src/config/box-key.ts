/** The key of this box: 32 random bytes in the data folder, under which everything secret on disk is sealed. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { OperatorError } from '../core/errors.ts';
import { SEAL_KEY_BYTES } from '../core/seal.ts';
import { explainDataFolder } from './data-folder.ts';
import { PROBLEMS } from './errors.ts';
import { PRIVATE_MODE, writeNewDurably } from './files.ts';

const FILE_NAME = 'box.key';
/** What lies beside the key once it was used: the spool and the stored secrets. */
const SEALED_FILES = ['spool.db', 'secrets.json'] as const;

/**
 * Reads the box key, or null where there is none yet.
 * @throws OperatorError when the file is damaged or may not be read.
 */
export function readBoxKey(dataDir: string): Buffer | null {
  const file = path.join(dataDir, FILE_NAME);
  if (!existsSync(file)) return null;
  const key = Buffer.from(explainDataFolder(dataDir, () => readFileSync(file, 'utf8')).trim(), 'base64');
  if (key.length === SEAL_KEY_BYTES) return key;
  throw new OperatorError(PROBLEMS.boxKeyDamaged(file, giveUpAdvice(dataDir)));
}

/**
 * Reads the box key and makes one where nothing is sealed yet: with another key, whatever waits in the spool could
 * never be read again, and would be set to failed.
 * @throws OperatorError when the key is damaged or gone, or the data folder can't be used.
 */
export function openBoxKey(dataDir: string): Buffer {
  const existing = readBoxKey(dataDir);
  if (existing !== null) return existing;
  const sealed = SEALED_FILES.filter((name) => existsSync(path.join(dataDir, name)));
  if (sealed.length > 0) {
    throw new OperatorError(
      PROBLEMS.boxKeyMissing(path.join(dataDir, FILE_NAME), sealed.join(' and '), giveUpAdvice(dataDir)),
    );
  }
  const key = randomBytes(SEAL_KEY_BYTES);
  const text = `${key.toString('base64')}\n`;
  const file = path.join(dataDir, FILE_NAME);
  const isOurs = explainDataFolder(dataDir, () => writeNewDurably(file, text, PRIVATE_MODE));
  // Another program was first, at the same moment: what either seals, both must be able to open.
  return isOurs ? key : openBoxKey(dataDir);
}

function giveUpAdvice(dataDir: string): string {
  return `Restore ${FILE_NAME} from a backup; to give up the stored secrets and the scans still waiting, move ${[FILE_NAME, ...SEALED_FILES].join(', ')} out of ${dataDir}.`;
}

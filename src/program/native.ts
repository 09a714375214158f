/** Unpacks the embedded native SQLite addon into the data folder, once per version. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { makeFolder, removeLeftovers, writeFileDurably } from '../config/files.ts';
import { createSystemClock } from '../core/clock.ts';
import { OperatorError } from '../core/errors.ts';
import { EMBEDDED_ADDONS, type EmbeddedAddon } from './native-embedded.ts';
import { PROBLEMS } from './problems.ts';

/**
 * Path of the addon for this machine, unpacked and verified; null when run from source.
 * @throws OperatorError where the bundle holds no addon for this processor.
 */
export function unpackNativeAddon(dataDir: string): string | null {
  const available = Object.keys(EMBEDDED_ADDONS);
  if (available.length === 0) return null;
  const target = `${process.platform}-${process.arch}`;
  const embedded = EMBEDDED_ADDONS[target];
  if (embedded === undefined) {
    throw new OperatorError(PROBLEMS.platformUnsupported(target, available.join(' and ')));
  }
  return unpackInto(path.join(dataDir, 'native'), embedded);
}

/**
 * Other starts may be at the same work at the same moment: each writes a file of its own and puts the same bytes in the
 * same place (writeFileDurably). What is younger than a start takes is theirs, and not removed.
 */
export function unpackInto(directory: string, embedded: EmbeddedAddon): string {
  const file = path.join(directory, `sqlite-${embedded.sha256.slice(0, 16)}.node`);
  if (existsSync(file) && sha256(readFileSync(file)) === embedded.sha256) return file;
  makeFolder(directory);
  // Before it is written: those of earlier versions may be what fills the disk.
  removeLeftovers(directory, (name) => name !== path.basename(file), createSystemClock(0).now());
  writeFileDurably(file, embedded.read(), 0o700);
  return file;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

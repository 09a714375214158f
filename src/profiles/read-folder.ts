/** Reads a folder of profiles from the disk, for checks of contributions. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { LIMITS } from '../core/limits.ts';
import type { CatalogueFile } from './check.ts';

/** Files of the catalogue itself, beside the folders of the vendors. */
const TOP_FILES = new Set(['profile.schema.json']);

/**
 * Every file of a catalogue, of one vendor's folder, or of one profile's folder, with its path below the catalogue.
 * Throws where the folder can't be read, or holds more, or larger, files than a catalogue has.
 */
export function readProfileFolder(folder: string): CatalogueFile[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => !TOP_FILES.has(name) && statSync(path.join(folder, name)).isFile())
    .sort();
  if (names.length > LIMITS.profileFilesMax)
    throw new Error(`it holds more than ${LIMITS.profileFilesMax} files`);
  const above = placeOf(path.resolve(folder), names);
  return names.map((name) => ({ path: above + name, text: readBounded(path.join(folder, name)) }));
}

/** Where the folder lies in its catalogue: '' for the catalogue itself, `ricoh/` or `ricoh/mp/` for a part. */
function placeOf(folder: string, names: readonly string[]): string {
  const depth = Math.min(
    ...names.filter((name) => /(?:^|\/)profile\.json$/.test(name)).map((name) => name.split('/').length),
  );
  if (depth === 1) return `${path.basename(path.dirname(folder))}/${path.basename(folder)}/`;
  return depth === 2 ? `${path.basename(folder)}/` : '';
}

function readBounded(file: string): string {
  if (statSync(file).size > LIMITS.profileFileBytesMax) {
    throw new Error(`${file} is larger than ${LIMITS.profileFileBytesMax / 1024} KiB`);
  }
  return readFileSync(file, 'utf8');
}

/** What a backup holds: the config with the files it names, and the data folder without what can be made again. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ArchiveEntry } from './archive.ts';

/** Folders that a restore makes inside the data folder. */
export const STAGING_PREFIX = '.restoring-';
export const ASIDE_PREFIX = 'before-restore-';
/** Where an agent puts a copy of its spool for the backup. */
export const COPY_PREFIX = '.backup-';

const SPOOL_FILE = 'spool.db';

/** What is made anew at every start, or would be copied while it is written to. */
const LEFT_OUT = [
  /^native$/,
  /^log$/,
  /^support$/,
  /^spool[.-].*$/,
  /\.tmp$/,
  /\.sock$/,
  /\.lock$/,
  /^\.restoring-/,
  /^before-restore-/,
  /^\.backup-/,
];

/** @param spoolCopy the copy of the spool; it gets the spool's name. */
export function dataEntries(dataDir: string, spoolCopy: string | null): ArchiveEntry[] {
  const files = existsSync(dataDir) ? filesBelow(dataDir, '') : [];
  const entries = files.map((name) => ({ name: `data/${name}`, file: path.join(dataDir, name) }));
  return spoolCopy === null ? entries : [...entries, { name: `data/${SPOOL_FILE}`, file: spoolCopy }];
}

function filesBelow(root: string, folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter((entry) => !LEFT_OUT.some((pattern) => pattern.test(entry.name)))
    .flatMap((entry) => {
      const name = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(root, name);
      return entry.isFile() ? [name] : [];
    })
    .sort();
}

/**
 * The config, and the files it names: relative to it where they lie below its folder, else under their whole path.
 * A file that is gone is left out; `scanferry check` says so.
 */
export function configEntries(configFile: string, named: readonly string[]): ArchiveEntry[] {
  const folder = path.dirname(configFile);
  return [configFile, ...new Set(named)]
    .filter((file) => existsSync(file) && statSync(file).isFile())
    .map((file) => {
      const relative = path.relative(folder, file);
      const isBelow = !relative.startsWith('..') && !path.isAbsolute(relative);
      return { file, name: isBelow ? `config/${relative}` : `files${file}` };
    });
}

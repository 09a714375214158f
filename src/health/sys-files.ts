/** Reads the small files by which Linux tells of the box. What can't be read is unknown, never an error. */
import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';

export interface SysFiles {
  /** The text without white space around it; null where it can't be read. */
  text(file: string): Promise<string | null>;
  /** The number a file holds; null where it holds none. */
  number(file: string): Promise<number | null>;
  /** Names in a folder, sorted; none where it can't be read. */
  names(folder: string): Promise<string[]>;
  /** Where a link leads, seen from the root; null where it leads nowhere. */
  target(file: string): Promise<string | null>;
  exists(file: string): Promise<boolean>;
}

/** @param root in place of `/`, for a recorded box. */
export function createSysFiles(root = '/'): SysFiles {
  const at = (file: string) => path.join(root, file);

  async function text(file: string): Promise<string | null> {
    return known(async () => (await readFile(at(file), 'utf8')).replaceAll('\0', '').trim());
  }

  return {
    text,
    async number(file) {
      const found = await text(file);
      const number = found === null || found === '' ? Number.NaN : Number(found);
      return Number.isFinite(number) ? number : null;
    },
    names: async (folder) => (await known(async () => (await readdir(at(folder))).sort())) ?? [],
    target: (file) =>
      known(async () => path.join('/', path.relative(await realpath(root), await realpath(at(file))))),
    exists: async (file) => (await known(() => realpath(at(file)))) !== null,
  };
}

/** Sensors answer with all kinds of errors: ENOENT, EACCES, EIO, ENODATA, EINVAL, and some only now and then. */
async function known<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}

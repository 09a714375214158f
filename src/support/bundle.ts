/** Writes a bundle: a tar.gz that is whole under its name, or not there. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import type { BundleFile } from './contents.ts';
import { PROBLEMS } from './problems.ts';

/** The bytes of the archive; everything lies in one folder of its name. */
export async function packBundle(files: readonly BundleFile[], name: string, now: number): Promise<Buffer> {
  const { default: tar } = await import('tar-stream');
  const pack = tar.pack();
  for (const file of files) {
    pack.entry({ name: `${name}/${file.name}`, mode: 0o600, mtime: new Date(now) }, file.text);
  }
  pack.finalize();
  return promisify(gzip)(await buffer(pack as AsyncIterable<Uint8Array>));
}

/** `scanferry-support-20261129-141200`: no name of the site stands in it. */
export function bundleName(now: number): string {
  const stamp = new Date(now)
    .toISOString()
    .replace(/[-:]|\..*/g, '')
    .replace('T', '-');
  return `scanferry-support-${stamp}`;
}

/** Writes to `file`, which must not be there. @throws OperatorError */
export async function writeBundle(file: string, bytes: Buffer): Promise<void> {
  if (existsSync(file)) throw new OperatorError(PROBLEMS.exists(file), { exitCode: 2 });
  const temporary = `${file}.${randomBytes(4).toString('hex')}.part`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new OperatorError(PROBLEMS.notWritten(file, describeError(cause)), { cause });
  }
}

const FOLDER = 'support';

/** A bundle that `keepBundle` has written, or null. */
export function readKeptBundle(dataDir: string, name: string): Buffer | null {
  const file = path.join(dataDir, FOLDER, `${name}.tar.gz`);
  return /^[\w-]+$/.test(name) && existsSync(file) ? readFileSync(file) : null;
}

/** Writes into the data folder and removes the oldest there; resolves with the file. @throws OperatorError */
export async function keepBundle(dataDir: string, name: string, bytes: Buffer): Promise<string> {
  const folder = path.join(dataDir, FOLDER);
  const file = path.join(folder, `${name}.tar.gz`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    rmSync(file, { force: true });
  } catch (cause) {
    throw new OperatorError(PROBLEMS.notWritten(file, describeError(cause)), { cause });
  }
  await writeBundle(file, bytes);
  const kept = readdirSync(folder).sort();
  for (const old of kept.slice(0, -LIMITS.supportBundlesKept))
    rmSync(path.join(folder, old), { force: true });
  return file;
}

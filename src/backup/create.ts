/** Writes a backup: whole under its name, or not at all. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { removeLeftovers, syncFolder } from '../config/files.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { type ArchiveEntry, archive, type Manifest } from './archive.ts';
import { sealed } from './cipher.ts';
import { PROBLEMS } from './problems.ts';

export interface BackupRequest {
  /** File to write. */
  out: string;
  /** Replace a file of this name. */
  force: boolean;
  passphrase: string;
  manifest: Manifest;
  entries: readonly ArchiveEntry[];
}

/** Resolves with the size of the file in bytes. Rejects with OperatorError; no half file is left then. */
export async function writeBackup(request: BackupRequest): Promise<number> {
  const { out, passphrase } = request;
  if (passphrase === '') throw new OperatorError(PROBLEMS.passphraseEmpty(), { exitCode: 2 });
  if (existsSync(out) && !request.force) throw new OperatorError(PROBLEMS.exists(out), { exitCode: 2 });
  // A name of its own: another backup to the same file may be under way.
  const partial = `${out}.${randomBytes(4).toString('hex')}.part`;
  try {
    removeLeftovers(path.dirname(out), (name) => isPartOf(out, name), request.manifest.created);
    const bytes = await write(partial, sealed(archive(request.manifest, request.entries), passphrase));
    await rename(partial, out);
    syncFolder(path.dirname(out));
    return bytes;
  } catch (error) {
    await rm(partial, { force: true });
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(PROBLEMS.notWritten(out, describeError(error)), { cause: error });
  }
}

function isPartOf(out: string, name: string): boolean {
  const base = path.basename(out);
  return name.startsWith(base) && /^\.[0-9a-f]{8}\.part$/.test(name.slice(base.length));
}

async function write(file: string, bytes: AsyncIterable<Buffer>): Promise<number> {
  const handle = await open(file, 'wx', 0o600);
  try {
    for await (const chunk of bytes) await handle.writeFile(chunk);
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

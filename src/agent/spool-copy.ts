/** The spool for those outside of it: copied for a backup, looked through where no agent runs. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { COPY_PREFIX } from '../backup/contents.ts';
import { openBoxKey, readBoxKey } from '../config/box-key.ts';
import { removeLeftovers } from '../config/files.ts';
import { type Clock, createSystemClock } from '../core/clock.ts';
import type { EventRecord } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { SEAL_KEY_BYTES } from '../core/seal.ts';
import { unpackNativeAddon } from '../program/native.ts';
import { inspectStoppedSpool } from '../spool/inspect-stopped.ts';
import { spoolSettings } from '../spool/settings.ts';
import { createSpool, SPOOL_FILE } from '../spool/spool.ts';
import type { Spool } from '../spool/types.ts';

export interface CopyPlace {
  spool: Pick<Spool, 'copy'>;
  dataDir: string;
  clock: Pick<Clock, 'now'>;
}

/**
 * Copies into a new folder below the data folder; resolves with the file. Copies that were left over are removed.
 * @param gone aborted when nobody waits for the copy any more, and so nobody would remove it.
 */
export async function copySpool(
  { spool, dataDir, clock }: CopyPlace,
  options: { messages: boolean },
  gone?: AbortSignal,
): Promise<string> {
  // First: they may be what fills the disk.
  removeLeftovers(dataDir, (name) => name.startsWith(COPY_PREFIX), clock.now());
  const folder = mkdtempSync(path.join(dataDir, COPY_PREFIX));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const file = path.join(folder, SPOOL_FILE);
  try {
    await spool.copy(file, options);
  } catch (error) {
    remove();
    throw error;
  }
  if (gone?.aborted === true) remove();
  return file;
}

/** As `copySpool`, where no agent runs; null where there is no spool yet. Throws OperatorError when it can't be read. */
export async function copyRestingSpool(
  { dataDir, startWorker, log }: { dataDir: string; startWorker(data: unknown): Worker; log: Log },
  options: { messages: boolean },
): Promise<string | null> {
  if (!existsSync(path.join(dataDir, SPOOL_FILE))) return null;
  const clock = createSystemClock(0);
  const spool = createSpool({
    ...{ log, startWorker, directory: dataDir, clock },
    ...{
      settings: spoolSettings().parse({}),
      key: openBoxKey(dataDir),
      nativeBinding: unpackNativeAddon(dataDir),
    },
    onFatal: (error) => log.error('backup.spool-failed', { error: describeError(error) }),
  });
  await spool.start();
  try {
    return await copySpool({ spool, dataDir, clock }, options);
  } finally {
    await spool.stop();
  }
}

/** Looks through the spool of an agent that does not run; nothing is changed. Throws OperatorError when it can't be read. */
export function inspectRestingSpool(dataDir: string): { found: unknown; events: EventRecord[] } | null {
  const looked = inspectStoppedSpool({
    directory: dataDir,
    // Only bodies are sealed, and none is read.
    boxKey: readBoxKey(dataDir) ?? Buffer.alloc(SEAL_KEY_BYTES),
    maxBytes: spoolSettings().parse({}).maxBytes,
    nativeBinding: unpackNativeAddon(dataDir),
    latestEvents: LIMITS.supportEventsMax,
  });
  if (looked === null) return null;
  if ('damage' in looked) return { found: looked, events: [] };
  const { events, ...found } = looked;
  return { found, events };
}

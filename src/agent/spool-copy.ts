/** The spool for those outside of it: copied for a backup, looked through where no agent runs. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { COPY_PREFIX } from '../backup/contents.ts';
import { openBoxKey, readBoxKey } from '../config/box-key.ts';
import { createSystemClock } from '../core/clock.ts';
import type { EventRecord } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { SEAL_KEY_BYTES } from '../core/seal.ts';
import { unpackNativeAddon } from '../program/native.ts';
import { inspectStoppedSpool } from '../spool/inspect-stopped.ts';
import { spoolSettings } from '../spool/settings.ts';
import { createSpool, SPOOL_FILE } from '../spool/spool.ts';
import type { Spool } from '../spool/types.ts';

/** Copies into a new folder below the data folder; resolves with the file. Copies that were left over are removed. */
export async function copySpool(
  spool: Pick<Spool, 'copy'>,
  dataDir: string,
  options: { messages: boolean },
): Promise<string> {
  for (const name of readdirSync(dataDir)) {
    if (name.startsWith(COPY_PREFIX)) rmSync(path.join(dataDir, name), { recursive: true, force: true });
  }
  const file = path.join(mkdtempSync(path.join(dataDir, COPY_PREFIX)), SPOOL_FILE);
  await spool.copy(file, options);
  return file;
}

/** As `copySpool`, where no agent runs; null where there is no spool yet. Throws OperatorError when it can't be read. */
export async function copyRestingSpool(
  { dataDir, startWorker, log }: { dataDir: string; startWorker(data: unknown): Worker; log: Log },
  options: { messages: boolean },
): Promise<string | null> {
  if (!existsSync(path.join(dataDir, SPOOL_FILE))) return null;
  const spool = createSpool({
    ...{ log, startWorker, directory: dataDir, clock: createSystemClock(0) },
    ...{
      settings: spoolSettings.parse({}),
      key: openBoxKey(dataDir),
      nativeBinding: unpackNativeAddon(dataDir),
    },
    onFatal: (error) => log.error('backup.spool-failed', { error: describeError(error) }),
  });
  await spool.start();
  try {
    return await copySpool(spool, dataDir, options);
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
    maxBytes: spoolSettings.parse({}).maxBytes,
    nativeBinding: unpackNativeAddon(dataDir),
    latestEvents: LIMITS.supportEventsMax,
  });
  if (looked === null) return null;
  if ('damage' in looked) return { found: looked, events: [] };
  const { events, ...found } = looked;
  return { found, events };
}

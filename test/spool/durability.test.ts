/** What was acknowledged is there, whatever happened to the process; and it is written the way the disk needs. */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { startProcess } from '../support/processes.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { acceptTestMessage, readTestBody, testMessage } from '../support/spool.ts';
import { spoolsOfThisFile } from './open-spools.ts';
import { lookInto } from './raw-database.ts';

const open = spoolsOfThisFile();
const CHILD = fileURLToPath(new URL('./accept-forever.ts', import.meta.url));

/** The file change counter grows by one with each commit (sqlite.org/fileformat.html 1.3.8). */
function commitsSoFar(file: string): number {
  const header = Buffer.alloc(28);
  const handle = openSync(file, 'r');
  readSync(handle, header, 0, header.length, 0);
  closeSync(handle);
  return header.readUInt32BE(24);
}

describe('the connection', () => {
  test('waits for the disk, on a new file and on a reopened one', async () => {
    const first = await open();
    expect(first.started).toMatchObject({ synchronous: 2, journalMode: 'truncate' });
    await first.spool.stop();
    const second = await open({ directory: first.directory, key: first.key });
    expect(second.started).toMatchObject({ synchronous: 2, journalMode: 'truncate' });
  });

  test('lays a new file out as measured', async () => {
    const test = await open();
    await test.spool.stop();
    const layout = lookInto(test.file, (db) =>
      ['page_size', 'auto_vacuum'].map((name) => db.pragma(name, { simple: true })),
    );
    // 0 is NONE (sqlite.org/pragma.html#pragma_auto_vacuum).
    expect(layout).toEqual([4096, 0]);
  });

  test('leaves nothing but the spool and its journal in the folder, and those to the owner alone', async () => {
    const box = await open();
    await acceptTestMessage(box);
    const modes = readdirSync(box.directory)
      .sort()
      .filter((name) => name.startsWith('spool.db'))
      .map((name) => [name, statSync(join(box.directory, name)).mode & 0o777]);
    expect(modes).toEqual([
      ['spool.db', 0o600],
      ['spool.db-journal', 0o600],
    ]);
  });

  test('waits for the disk in write-ahead mode too, where the engine is built not to', async () => {
    const layout = { journalMode: 'WAL', pageBytes: 4096, chunkBytes: 65_536, autoVacuum: 'NONE' } as const;
    const first = await open({ layout });
    await first.spool.stop();
    const second = await open({ directory: first.directory, key: first.key, layout });
    expect(second.started).toMatchObject({ synchronous: 2, journalMode: 'wal' });
  });

  test('keeps a second agent off the same spool', async () => {
    const first = await open();
    const second = open({ directory: first.directory, key: first.key });
    await expect(second).rejects.toMatchObject({ explanation: { code: 'spool.in-use' } });
  });
});

describe('a commit', () => {
  test('is shared by everybody who is waiting', async () => {
    const test = await open();
    const receipts = await Promise.all(Array.from({ length: 50 }, () => test.spool.receive()));
    const before = commitsSoFar(test.file);
    await Promise.all(
      receipts.map(async (receipt, index) => {
        await receipt.write(Buffer.from(`message ${index}`));
        await receipt.commit(testMessage(test.clock));
      }),
    );
    const commits = commitsSoFar(test.file) - before;
    expect(commits).toBeGreaterThan(0);
    expect(commits).toBeLessThanOrEqual(10);
    expect((await test.spool.stats()).recipients.queued).toBe(50);
  });

  test('is not needed for a claim', async () => {
    const test = await open();
    await acceptTestMessage(test);
    const before = commitsSoFar(test.file);
    expect(await test.spool.claimDue(test.clock.now(), { kind: 'all' }, 1)).toHaveLength(1);
    expect(commitsSoFar(test.file)).toBe(before);
  });
});

describe('kill -9 under load', () => {
  const seed = seedFromEnvironment();

  test(`loses nothing that was acknowledged, in 12 rounds (seed ${seed})`, async () => {
    const random = createRandom(seed);
    const directory = await mkdtemp(join(tmpdir(), 'scanferry-spool-'));
    const key = randomBytes(32);
    const acknowledged = new Map<string, string>();
    try {
      for (let round = 0; round < 12; round++) {
        const child = startProcess(process.execPath, [CHILD, directory, key.toString('hex')]);
        await child.waitForLine(/^\w{16} \w{64}$/);
        // A random moment while it works; nothing is waited for but the kill itself.
        await pause(random() * 60);
        child.signal('SIGKILL');
        await child.waitForExit();
        for (const [, id = '', hash = ''] of child.stdout().matchAll(/^(\w{16}) (\w{64})\n/gm)) {
          acknowledged.set(id, hash);
        }
      }
      const test = await open({ directory, key });
      expect(test.started.salvaged).toBeNull();
      for (const [id, hash] of acknowledged) {
        const body = await readTestBody(test.spool, id);
        expect(createHash('sha256').update(body).digest('hex'), id).toBe(hash);
      }
      // What was not acknowledged is there whole or not at all.
      expect(test.started.pending).toBeGreaterThanOrEqual(acknowledged.size);
      await test.spool.stop();
      const unknown = lookInto(test.file, (db) =>
        db
          .prepare('SELECT count(*) FROM chunks WHERE id / 65536 NOT IN (SELECT number FROM messages)')
          .pluck()
          .get(),
      );
      expect(unknown).toBe(0);
      expect(acknowledged.size).toBeGreaterThan(12);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

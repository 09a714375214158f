/** Two backups at the same moment, and what one that was killed has left. */
import { randomBytes } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copySpool } from '../../src/agent/spool-copy.ts';
import { readArchive } from '../../src/backup/archive.ts';
import { opened } from '../../src/backup/cipher.ts';
import { writeBackup } from '../../src/backup/create.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { acceptTestMessage, openTestSpool, type TestSpool } from '../support/spool.ts';

const MIB = 1024 ** 2;
const clock = createSystemClock(0);
const messages = { messages: true };

let folder: string;
let source: TestSpool;
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-at-once-'));
  source = await openTestSpool();
  await acceptTestMessage(source, {}, randomBytes(MIB));
});
afterEach(async () => {
  await source.close();
  rmSync(folder, { recursive: true, force: true });
});

/** As if it was written to for the last time when it had just become a leftover. */
function age(...names: string[]): void {
  const at = (clock.now() - LIMITS.leftoverMinMs) / 1000;
  for (const name of names) utimesSync(path.join(folder, name), at, at);
}

describe('a copy of the spool', () => {
  const copy = (gone?: AbortSignal, dataDir = folder) =>
    copySpool({ spool: source.spool, dataDir, clock }, messages, gone);

  test('stays until whoever asked has it, also when another is asked for meanwhile', async () => {
    const copies = await Promise.all([copy(), copy()]);
    copies.push(await copy());
    expect(new Set(copies).size).toBe(3);
    expect(copies.filter((file) => !existsSync(file))).toEqual([]);
  });

  test('that was left over is removed by the next one', async () => {
    mkdirSync(path.join(folder, '.backup-killed'));
    writeFileSync(path.join(folder, '.backup-killed/spool.db'), 'half of it');
    age('.backup-killed', '.backup-killed/spool.db');
    const file = await copy();
    expect(readdirSync(folder)).toEqual([path.basename(path.dirname(file))]);
  });

  test('that finds no room, or that nobody waits for, is removed at once', async () => {
    const disk = await mountSmallDisk('256k');
    try {
      await expect(copy(undefined, disk.folder)).rejects.toThrow();
      expect(readdirSync(disk.folder)).toEqual([]);
    } finally {
      await disk.remove();
    }
    await copy(AbortSignal.abort());
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a backup', () => {
  const out = () => path.join(folder, 'box.backup');
  const page = () => path.join(folder, 'page');
  const back = () =>
    writeBackup({
      ...{ out: out(), force: true, passphrase: 'four copiers' },
      manifest: { version: '1', site: null, created: clock.now(), config: null, messages: false },
      entries: [{ name: 'data/page', file: page() }],
    });

  async function read(): Promise<Buffer[]> {
    const contents: Buffer[] = [];
    await readArchive(
      opened(createReadStream(out()), 'four copiers'),
      async () => {},
      async (_name, _mode, content) => {
        contents.push(await buffer(content));
      },
    );
    return contents;
  }

  test('is whole when another is written to the same file meanwhile', async () => {
    const bytes = randomBytes(8 * MIB);
    writeFileSync(page(), bytes);
    await Promise.all([back(), back()]);
    expect((await read()).map((content) => content.equals(bytes))).toEqual([true]);
    expect(readdirSync(folder).sort()).toEqual(['box.backup', 'page']);
  });

  test('removes what one that was killed has left, and nothing of others', async () => {
    const others = ['box.backup.01234567.part.old', 'other.backup.01234567.part'];
    for (const name of ['page', 'box.backup.01234567.part', ...others]) {
      writeFileSync(path.join(folder, name), 'half of it');
      age(name);
    }
    await back();
    expect(readdirSync(folder).sort()).toEqual(['box.backup', ...others, 'page']);
  });
});

/** What is noted of final dots: on the disk before it counts, taken out with the claim, and no scan waits for a bad disk. */
import fs from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { createFinalDots, type FinalDots } from '../../src/spool/final-dots.ts';
import type { FinalDot } from '../../src/spool/types.ts';
import { acceptTestMessage } from '../support/spool.ts';
import { claimOne, deliver, spoolsOfThisFile } from './open-spools.ts';

let directory: string;
let file: string;
let failures: unknown[];
const opened: FinalDots[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'scanferry-dots-'));
  file = join(directory, 'spool.final-dots');
  failures = [];
});
afterEach(async () => {
  for (const dots of opened.splice(0)) dots.close();
  await rm(directory, { recursive: true, force: true });
});

function open(): FinalDots {
  const dots = createFinalDots({
    file: join(directory, 'spool.db'),
    onFailure: (error) => failures.push(error),
  });
  opened.push(dots);
  return dots;
}

function dotOf(messageId: string, more: Partial<FinalDot> = {}): FinalDot {
  const tls = { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' };
  const upstream = { host: 'smtp.office365.com', address: '192.0.2.7', port: 587, tls };
  const ids = { messageId, routeId: 'mailbox', recipientIds: [65_536, 65_537] };
  return { ...ids, upstream, startedAt: 1000, dotAt: 2000, ...more };
}

/** What the next start finds, while whoever noted it may have died. */
const found = () => open().read();

describe('a noted final dot', () => {
  test('is what the next start finds, with everything about it', async () => {
    const dots = open();
    const [first, second] = [dotOf('m1', { dotAt: 3000 }), dotOf('m2', { dotAt: 2500 })];
    await dots.add(first);
    await dots.add(second);
    expect(found()).toEqual([first, second]);
  });

  test('has room for the most recipients of a message and long names', async () => {
    const recipientIds = Array.from({ length: LIMITS.recipientsPerMessageMax }, (_, i) => 2 ** 50 + i);
    const host = `${'h'.repeat(60)}.mail.protection.outlook.com`;
    const dot = dotOf('01234567890123456789012345', {
      ...{ recipientIds, routeId: 'r'.repeat(32) },
      upstream: { host, address: 'f'.repeat(39), port: 65_535, tls: null },
    });
    await open().add(dot);
    expect(found()).toEqual([dot]);
  });

  test('tells recipients one by one, also where they do not follow each other', async () => {
    const recipientIds = Array.from({ length: 250 }, (_, i) => 2 ** 50 + 2 * i + (i > 100 ? 1 : 0));
    await open().add(dotOf('m1', { recipientIds }));
    expect(found()[0]?.recipientIds).toEqual(recipientIds);
  });

  test('is told without its server where there is no room for that', async () => {
    const upstream = { host: `${'h'.repeat(63)}.`.repeat(7), address: null, port: 25, tls: null };
    await open().add(dotOf('long', { upstream }));
    expect(found()).toEqual([dotOf('long', { upstream: null })]);
    expect(failures).toEqual([]);
  });

  test('that has no room at all holds nobody back', async () => {
    await open().add(dotOf('m'.repeat(600)));
    expect(found()).toEqual([]);
    expect(failures).toHaveLength(1);
  });

  test('counts when the disk has it, and one flush is for all who wait', async () => {
    const { fdatasyncSync } = fs;
    const steps: string[] = [];
    fs.fdatasyncSync = (handle) => {
      fdatasyncSync(handle);
      steps.push('flushed');
    };
    syncBuiltinESMExports();
    try {
      const dots = open();
      const add = (id: string) => dots.add(dotOf(id)).then(() => steps.push(id));
      await add('a');
      steps.splice(0);
      await add('b');
      await Promise.all(['c', 'd', 'e'].map(add));
      expect(steps).toEqual(['flushed', 'b', 'flushed', 'c', 'd', 'e']);
    } finally {
      fs.fdatasyncSync = fdatasyncSync;
      syncBuiltinESMExports();
    }
    expect(found()).toHaveLength(5);
  });

  test('is gone from the disk with the next flush after it was taken out', async () => {
    const dots = open();
    await dots.add(dotOf('m1'));
    expect([dots.remove('m1'), dots.remove('m1'), dots.remove('m2')]).toEqual([true, false, false]);
    expect(found()).toHaveLength(1);
    await dots.flushed();
    expect(found()).toEqual([]);
  });

  test('leaves its place to another, in a file that keeps its size', async () => {
    const dots = open();
    await dots.add(dotOf('m0'));
    const { size, mode } = await stat(file);
    expect(mode & 0o777).toBe(0o600);
    const many = Array.from({ length: LIMITS.deliveriesMax - 1 }, (_, i) => dotOf(`m${i + 1}`));
    await Promise.all(many.map((dot) => dots.add(dot)));
    expect(found().length).toBe(LIMITS.deliveriesMax);
    for (const { messageId } of many) dots.remove(messageId);
    await dots.add(dotOf('last', { recipientIds: [1] }));
    expect(found().map(({ messageId }) => messageId)).toEqual(['m0', 'last']);
    expect((await stat(file)).size).toBe(size);
  });

  test('of a power cut in the midst of it is none: its dot had not left', async () => {
    await open().add(dotOf('m1'));
    const bytes = await readFile(file);
    bytes.fill('x', 20, 60);
    await writeFile(file, bytes);
    expect(found()).toEqual([]);
  });

  test('is not there before anything was noted, and no file either', async () => {
    expect(found()).toEqual([]);
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  test('holds nobody back where it can’t be written, is told once, and written when it can', async () => {
    await mkdir(file);
    const dots = open();
    await dots.add(dotOf('m1'));
    await dots.add(dotOf('m2'));
    expect(failures).toHaveLength(1);
    await rm(file, { recursive: true });
    await dots.add(dotOf('m3'));
    expect(found().map(({ messageId }) => messageId)).toEqual(['m1', 'm2', 'm3']);
  });
});

describe('the end of a claim takes the note out', () => {
  const openSpool = spoolsOfThisFile();
  const notedIn = (folder: string) =>
    createFinalDots({ file: join(folder, 'spool.db'), onFailure: () => {} }).read();

  test('by a settlement, which is on the disk after a stop at the latest', async () => {
    const opened = await openSpool();
    const { spool, directory: folder } = opened;
    const { id } = await acceptTestMessage(opened);
    const claim = await claimOne(opened);
    const dot = dotOf(id, { recipientIds: claim.recipients.map((one) => one.id) });
    await spool.noteFinalDot(dot);
    expect(notedIn(folder)).toEqual([dot]);
    await deliver(opened, claim);
    await spool.stop();
    expect(notedIn(folder)).toEqual([]);
  });

  test('by being given back, at once', async () => {
    const test = await openSpool();
    const { id } = await acceptTestMessage(test);
    await claimOne(test);
    await test.spool.noteFinalDot(dotOf(id));
    await test.spool.unclaim(id);
    expect(notedIn(test.directory)).toEqual([]);
  });
});

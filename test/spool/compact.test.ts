/** Room on the disk comes back after an outage, and nothing that is live is touched by it. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { freshNameOf } from '../../src/spool/files.ts';
import { STORAGE, type StorageLayout } from '../../src/spool/storage.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { startProcess } from '../support/processes.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { acceptTestMessage, readTestBody, type TestSpool, testMessage } from '../support/spool.ts';
import { claimOne, deliver, spoolsOfThisFile } from './open-spools.ts';
import { pass } from './pass-time.ts';
import { lookInto } from './raw-database.ts';

const open = spoolsOfThisFile();
const seed = seedFromEnvironment();
const CHILD = fileURLToPath(new URL('./keep-house-forever.ts', import.meta.url));
const HELD = { code: 'device.unknown', cause: 'Nobody has approved this device.' };
const MIB = 1024 * 1024;
/** More than is kept for the next burst. */
const OUTAGE_BYTES = 96 * MIB;
/** Chunks are removed in pieces between other calls; this many rounds are enough for all of them. */
const ROUNDS = 50;

let clock: FakeClock;
beforeEach(() => {
  clock = createFakeClock();
});

const fileBytes = ({ file }: TestSpool) => statSync(file).size;

/** Scans that were held up fill the spool, and then nobody needs them any more. */
async function passOutage(box: TestSpool): Promise<void> {
  for (let count = 0; count < 4; count++) {
    await acceptTestMessage(box, {}, randomBytes(OUTAGE_BYTES / 4));
  }
  expect(fileBytes(box)).toBeGreaterThan(OUTAGE_BYTES);
  await box.spool.act('cancel', {}, 'cli');
}

async function passRounds(box: TestSpool, isOver: () => boolean): Promise<void> {
  for (let round = 0; round < ROUNDS && !isOver(); round++) await pass(box, clock, 0);
}

/** Resolves when something is written to the file. */
async function whenWritten(folder: string, name: string): Promise<void> {
  for await (const { filename } of watch(folder)) if (filename === name) return;
}

const becomesSmall = async (box: TestSpool) => {
  await passRounds(box, () => fileBytes(box) < MIB);
  expect(fileBytes(box)).toBeLessThan(MIB);
};

test('a once full file is small again, its history and what waits are still there, and it goes on', async () => {
  const box = await open({ clock });
  await passOutage(box);
  const waiting = await acceptTestMessage(box, {}, 'Subject: a scan\r\n\r\nstill waiting\r\n');
  await becomesSmall(box);
  expect(await box.spool.list({}, { limit: 10, before: null })).toHaveLength(5);
  expect((await readTestBody(box.spool, waiting.id)).toString()).toContain('still waiting');
  await deliver(box, await claimOne(box));
  const next = await acceptTestMessage(box, {}, randomBytes(MIB));
  expect(await readTestBody(box.spool, next.id)).toHaveLength(MIB);
  expect(existsSync(freshNameOf(box.file))).toBe(false);
  expect(statSync(box.file).mode & 0o777).toBe(0o600);
  await box.spool.stop();
  const again = await open({ directory: box.directory, key: box.key, clock });
  expect(await readTestBody(again.spool, next.id)).toHaveLength(MIB);
});

test('what a crash in the middle left is removed, and the spool is as it was', async () => {
  const box = await open({ clock });
  const waiting = await acceptTestMessage(box, {}, randomBytes(MIB));
  await box.spool.stop();
  writeFileSync(freshNameOf(box.file), readFileSync(box.file).subarray(0, MIB / 2));
  const again = await open({ directory: box.directory, key: box.key, clock });
  await pass(again, clock, 0);
  expect(existsSync(freshNameOf(again.file))).toBe(false);
  expect(await readTestBody(again.spool, waiting.id)).toHaveLength(MIB);
});

test(`killed while the file is written anew, the spool keeps what it had, in 6 rounds (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const box = await open({ clock });
  const body = randomBytes(24 * MIB);
  const waiting = await acceptTestMessage(box, { held: HELD }, body);
  for (let count = 0; count < 4; count++) await acceptTestMessage(box, {}, randomBytes(OUTAGE_BYTES / 4));
  await box.spool.act('cancel', { states: ['queued'] }, 'cli');
  await box.spool.stop();
  const full = readFileSync(box.file);
  for (let round = 0; round < 6; round++) {
    writeFileSync(box.file, full);
    const child = startProcess(process.execPath, [CHILD, box.directory]);
    await whenWritten(box.directory, path.basename(freshNameOf(box.file)));
    // A random moment of the writing, which takes some 100 ms; nothing is waited for but the kill itself.
    await pause(random() * 150);
    child.signal('SIGKILL');
    await child.waitForExit();
    const again = await open({ directory: box.directory, key: box.key, clock });
    expect(again.started.salvaged).toBeNull();
    expect((await readTestBody(again.spool, waiting.id)).equals(body)).toBe(true);
    expect((await again.spool.inspect()).trouble).toBeNull();
    await again.spool.stop();
  }
});

test('a file laid out by an earlier version becomes one of today', async () => {
  const earlier: StorageLayout = { ...STORAGE, autoVacuum: 'INCREMENTAL' };
  const box = await open({ clock, layout: earlier });
  await passOutage(box);
  await becomesSmall(box);
  await box.spool.stop();
  // 0 is NONE (sqlite.org/pragma.html#pragma_auto_vacuum).
  expect(lookInto(box.file, (db) => db.pragma('auto_vacuum', { simple: true }))).toBe(0);
});

test('while a scan comes in the file stays, and the scan is whole', async () => {
  const box = await open({ clock });
  const receipt = await box.spool.receive();
  const body = randomBytes(3 * MIB);
  await receipt.write(body.subarray(0, MIB));
  await passOutage(box);
  await passRounds(box, () => false);
  expect(fileBytes(box)).toBeGreaterThan(OUTAGE_BYTES);
  await receipt.write(body.subarray(MIB));
  const message = testMessage(clock);
  await receipt.commit(message);
  expect((await readTestBody(box.spool, message.id)).equals(body)).toBe(true);
});

test('while the spool is being copied the file stays, and the copy is whole', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'scanferry-copy-'));
  try {
    const box = await open({ clock });
    await passOutage(box);
    const kept = await acceptTestMessage(box, {}, randomBytes(MIB));
    const copying = box.spool.copy(path.join(folder, 'spool.db'), { messages: true });
    await passRounds(box, () => fileBytes(box) < MIB);
    await copying;
    await box.spool.stop();
    const copied = await open({ directory: folder, key: box.key, clock });
    expect(await readTestBody(copied.spool, kept.id)).toHaveLength(MIB);
    expect((await copied.spool.inspect()).trouble).toBeNull();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a file of which most is live stays as it is', async () => {
  const box = await open({ clock });
  const waiting = await acceptTestMessage(box, { held: HELD }, randomBytes(100 * MIB));
  for (let count = 0; count < 3; count++) await acceptTestMessage(box, {}, randomBytes(OUTAGE_BYTES / 4));
  const full = fileBytes(box);
  await box.spool.act('cancel', { states: ['queued'] }, 'cli');
  await passRounds(box, () => false);
  expect(fileBytes(box)).toBe(full);
  expect(await readTestBody(box.spool, waiting.id)).toHaveLength(100 * MIB);
});

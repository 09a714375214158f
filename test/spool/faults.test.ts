/** A full disk, a failing disk, a used-up quota, a dead thread: refused with a reason, nothing half-kept, healed after. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, open as openFile, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { STORAGE } from '../../src/spool/storage.ts';
import { SpoolRefusal } from '../../src/spool/types.ts';
import { runOrThrow, startProcess } from '../support/processes.ts';
import { acceptTestMessage, readTestBody, type TestSpool, testMessage } from '../support/spool.ts';
import { ALL, claimOne, deliver, spoolsOfThisFile } from './open-spools.ts';
import { countRows } from './raw-database.ts';

const open = spoolsOfThisFile();
const MIB = 1024 * 1024;
const CHILD = fileURLToPath(new URL('./accept-on-demand.ts', import.meta.url));
const AS_ROOT = process.getuid?.() === 0 ? [] : ['sudo', '-n'];

async function asRoot(...command: string[]): Promise<void> {
  const [program = '', ...args] = [...AS_ROOT, ...command];
  await runOrThrow(program, args);
}

/** The reason of the refusal that `work` ends in. */
async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SpoolRefusal)) throw new Error(`expected a refusal, not ${String(error)}`);
  return error.reason;
}

/** Accepts bodies of `bytes` until one is refused; returns the ids accepted and the reason. */
async function fill(test: TestSpool, bytes: number): Promise<{ ids: string[]; reason: string }> {
  const ids: string[] = [];
  for (let count = 0; count < 1000; count++) {
    const outcome = await acceptTestMessage(test, {}, randomBytes(bytes)).catch((error: unknown) => error);
    if (outcome instanceof Error) return { ids, reason: await refusalOf(Promise.reject(outcome)) };
    ids.push((outcome as { id: string }).id);
  }
  throw new Error('nothing was refused');
}

/** Writes to `file` until the file system has no page left. */
async function fillUp(file: string): Promise<void> {
  const handle = await openFile(file, 'w');
  try {
    for (;;) await handle.write(Buffer.alloc(4096));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    await handle.close();
  }
}

describe('the quota', () => {
  test('refuses what does not fit, at the first chunk that shows it, and takes more once there is room', async () => {
    const test = await open({ settings: { maxBytes: 2 * MIB } });
    await acceptTestMessage(test, {}, randomBytes(MIB));
    expect(await refusalOf(acceptTestMessage(test, {}, randomBytes(1.5 * MIB)))).toBe('quota');
    expect((await test.spool.stats()).bodyBytes).toBe(MIB);
    await deliver(test, await claimOne(test));
    await acceptTestMessage(test, {}, randomBytes(1.5 * MIB));
  });

  test('counts bodies that are still on their way in', async () => {
    const test = await open({ settings: { maxBytes: 2 * MIB } });
    const first = await test.spool.receive();
    await first.write(randomBytes(1.2 * MIB));
    expect(await refusalOf(acceptTestMessage(test, {}, randomBytes(1.2 * MIB)))).toBe('quota');
    await first.abort();
    await acceptTestMessage(test, {}, randomBytes(1.2 * MIB));
  });
});

describe('too little free space', () => {
  test('refuses before anything is written', async () => {
    const test = await open({ settings: { minFreeBytes: Number.MAX_SAFE_INTEGER } });
    const receipt = await test.spool.receive();
    await receipt.write(randomBytes(STORAGE.chunkBytes + 1));
    expect(await refusalOf(receipt.commit(testMessage(test.clock)))).toBe('disk-full');
    await test.spool.stop();
    expect(countRows(test.file)).toEqual({ chunks: 0, garbage: 0, messages: 0 });
  });
});

describe('a disk that is really full', () => {
  test('refuses, keeps what was accepted, and works again when there is room', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'scanferry-full-'));
    await asRoot('mount', '-t', 'tmpfs', '-o', 'size=4m,mode=0777', 'tmpfs', directory);
    try {
      const test = await open({ directory });
      const { ids, reason } = await fill(test, 300_000);
      expect(reason).toBe('disk-full');
      expect(ids.length).toBeGreaterThan(3);
      const [touched, untouched] = [await test.spool.receive(), await test.spool.receive()];
      // One byte more than a chunk: the chunk goes to the thread.
      await touched.write(randomBytes(STORAGE.chunkBytes + 1));
      // Several at once share a transaction, and each hears of its end.
      const reasons = await Promise.all(
        [1, 2, 3].map(() => refusalOf(acceptTestMessage(test, {}, randomBytes(2 * MIB)))),
      );
      expect(reasons).toEqual(['disk-full', 'disk-full', 'disk-full']);
      // So does who had a chunk in it; who had none goes on.
      expect(await refusalOf(touched.commit(testMessage(test.clock)))).toBe('disk-full');
      await untouched.abort();
      for (const id of ids) expect(await readTestBody(test.spool, id)).toHaveLength(300_000);
      expect((await test.spool.stats()).recipients.queued).toBe(ids.length);
      for (const claim of await test.spool.claimDue(test.clock.now(), ALL, 3)) await deliver(test, claim);
      const { id } = await acceptTestMessage(test, {}, randomBytes(300_000));
      expect(await readTestBody(test.spool, id)).toHaveLength(300_000);
      expect(
        (await test.spool.events(0, 1000)).filter(({ type }) => type === 'message.accepted'),
      ).toHaveLength(ids.length + 1);
      await test.spool.stop();
    } finally {
      await asRoot('umount', '--lazy', directory);
      await rmdir(directory);
    }
  });
});

describe('a disk that is full at the start', () => {
  test('does not stop the start: what is there can be read, and is written to once there is room', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'scanferry-full-'));
    await asRoot('mount', '-t', 'tmpfs', '-o', 'size=4m,mode=0777', 'tmpfs', directory);
    try {
      const before = await open({ directory });
      const { id } = await acceptTestMessage(before, {}, randomBytes(100_000));
      await before.spool.putFact('test', 'there', 'before');
      await before.spool.stop();
      const ballast = join(directory, 'ballast');
      await fillUp(ballast);
      const test = await open({ directory, key: before.key });
      expect(test.started).toMatchObject({ synchronous: 2, pending: 1, salvaged: null });
      expect(await readTestBody(test.spool, id)).toHaveLength(100_000);
      const started = { type: 'agent.started', data: { version: '1.0.0' } } as const;
      expect(await refusalOf(test.spool.record(started))).toBe('disk-full');
      expect(await refusalOf(acceptTestMessage(test))).toBe('disk-full');
      // A commit that changes nothing succeeds, and proves nothing.
      await test.spool.putFact('test', 'there', 'before');
      const events = () => test.log.lines.map(({ event }) => event);
      expect(events()).not.toContain('spool.writes-again');
      expect((await test.spool.stats()).refusal?.reason).toBe('disk-full');
      await rm(ballast);
      expect((await test.spool.stats()).refusal).toBeNull();
      expect(events()).toContain('spool.writes-again');
      await test.spool.record(started);
      await deliver(test, await claimOne(test));
      await test.spool.stop();
    } finally {
      await asRoot('umount', '--lazy', directory);
      await rmdir(directory);
    }
  });

  test('ends the very first start with a sentence: there is nothing to go on with', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'scanferry-full-'));
    await asRoot('mount', '-t', 'tmpfs', '-o', 'size=1m,mode=0777', 'tmpfs', directory);
    try {
      await fillUp(join(directory, 'ballast'));
      await expect(open({ directory })).rejects.toMatchObject({ explanation: { code: 'spool.not-opened' } });
    } finally {
      await asRoot('umount', '--lazy', directory);
      await rmdir(directory);
    }
  });
});

describe('a disk that fails to write', () => {
  test('refuses with disk-error, and heals without a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'scanferry-fault-'));
    const child = startProcess(process.execPath, [CHILD, directory]);
    try {
      await child.waitForLine(/^ready$/);
      child.stdin.write('1 100000\n');
      await child.waitForLine(/^1 accepted$/);
      // A write past this size fails with EFBIG, which SQLite reports as SQLITE_IOERR_WRITE.
      await runOrThrow('prlimit', ['--pid', String(child.pid), '--fsize=400000:unlimited']);
      child.stdin.write('2 1000000\n');
      await child.waitForLine(/^2 refused disk-error$/);
      child.stdin.write('3 1000000\n');
      await child.waitForLine(/^3 refused disk-error$/);
      await runOrThrow('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited']);
      child.stdin.write('4 1000000\n');
      await child.waitForLine(/^4 accepted$/);
      child.stdin.write('stats\n');
      await child.waitForLine(/^queued 2 bytes 1100000$/);
    } finally {
      await child.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});

describe('a thread that dies', () => {
  test('rejects what is under way and what comes later, and is reported', async () => {
    const test = await open();
    const receipt = await test.spool.receive();
    await receipt.write(randomBytes(MIB));
    await test.worker().terminate();
    expect((await test.fatal).message).toContain('the spool thread ended');
    expect(await refusalOf(acceptTestMessage(test))).toBe('disk-error');
    expect(await refusalOf(receipt.write(randomBytes(MIB)))).toBe('disk-error');
    expect(await refusalOf(test.spool.stats())).toBe('disk-error');
  });
});

describe('after a stop', () => {
  test('every call is refused', async () => {
    const test = await open();
    await test.spool.stop();
    expect(await refusalOf(acceptTestMessage(test))).toBe('stopping');
    expect(await refusalOf(test.spool.stats())).toBe('stopping');
    await test.spool.stop();
  });
});

/** Bodies: byte for byte in and out, whatever their size, in bounded memory. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { STORAGE } from '../../src/spool/storage.ts';
import { acceptTestMessage, readTestBody, type TestSpool, testMessage } from '../support/spool.ts';
import { ALL, claimOne, deliver, spoolsOfThisFile } from './open-spools.ts';
import { countRows } from './raw-database.ts';

const { chunkBytes } = STORAGE;
const open = spoolsOfThisFile();

describe('a body comes back byte for byte', () => {
  const sizes = [0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 5 * chunkBytes + 7];
  for (const encrypt of [true, false]) {
    test.each(sizes)(`of %i bytes, ${encrypt ? 'encrypted' : 'in clear'}`, async (size) => {
      const test = await open({ settings: { encrypt } });
      const body = randomBytes(size);
      const { id } = await acceptTestMessage(test, {}, body);
      expect(await readTestBody(test.spool, id)).toEqual(body);
      expect((await test.spool.show(id))?.head.bodyBytes).toBe(size);
    });
  }

  test('when it is written in pieces of odd sizes from a buffer that is used again', async () => {
    const test = await open();
    const hash = createHash('sha256');
    const receipt = await test.spool.receive();
    const piece = Buffer.alloc(70_001);
    for (let count = 0; count < 20; count++) {
      piece.fill(randomBytes(64));
      const part = piece.subarray(0, 1 + ((count * 7919) % piece.length));
      hash.update(part);
      await receipt.write(part);
    }
    const message = testMessage(test.clock);
    await receipt.commit(message);
    const stored = await readTestBody(test.spool, message.id);
    expect(createHash('sha256').update(stored).digest('hex')).toBe(hash.digest('hex'));
  });

  test('after the spool was closed and opened again', async () => {
    const first = await open();
    const body = randomBytes(3 * chunkBytes);
    const { id } = await acceptTestMessage(first, {}, body);
    await first.spool.stop();
    const second = await open({ directory: first.directory, key: first.key });
    expect(second.started).toMatchObject({ pending: 1, salvaged: null });
    expect(await readTestBody(second.spool, id)).toEqual(body);
  });
});

/** Sends a body through and returns the highest resident memory seen, in bytes. */
async function passThrough({ spool, clock }: TestSpool, bodyBytes: number): Promise<number> {
  const piece = randomBytes(256 * 1024);
  const message = testMessage(clock);
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const receipt = await spool.receive();
  for (let sent = 0; sent < bodyBytes; sent += piece.length) {
    await receipt.write(piece);
    look();
  }
  await receipt.commit(message);
  let bytes = 0;
  for await (const chunk of await spool.openBody(message.id)) {
    bytes += chunk.length;
    look();
  }
  expect(bytes).toBe(bodyBytes);
  return peak;
}

describe('a large body', () => {
  test('is never held in memory', async () => {
    const test = await open();
    // The garbage collector's slack does not grow with the body, measured up to 512 MiB; the first takes all of it.
    const first = await passThrough(test, 128 * 1024 * 1024);
    const second = await passThrough(test, 256 * 1024 * 1024);
    expect(second - first).toBeLessThan(64 * 1024 * 1024);
  });

  test('is removed in pieces after delivery, and its room is used again', async () => {
    const test = await open();
    const body = randomBytes(25 * 1024 * 1024);
    await acceptTestMessage(test, {}, body);
    await deliver(test, await claimOne(test));
    const { databaseBytes } = await test.spool.stats();
    // Each of these calls gives the sweep a turn; 25 MiB take four.
    for (let turn = 0; turn < 10; turn++) await test.spool.record({ type: 'clock.set', data: { now: turn } });
    await acceptTestMessage(test, {}, body);
    expect((await test.spool.stats()).databaseBytes).toBeLessThan(databaseBytes * 1.05);
  });
});

describe('what never became a message', () => {
  test('is gone after an abort', async () => {
    const test = await open();
    const receipt = await test.spool.receive();
    await receipt.write(randomBytes(6 * 1024 * 1024));
    await receipt.abort();
    expect(await test.spool.claimDue(test.clock.now(), ALL, 10)).toEqual([]);
    expect((await test.spool.stats()).bodyBytes).toBe(0);
    await test.spool.stop();
    expect(countRows(test.file)).toEqual({ chunks: 0, garbage: 0, messages: 0 });
  });

  test('is refused further chunks once it was committed', async () => {
    const test = await open();
    const receipt = await test.spool.receive();
    await receipt.commit(testMessage(test.clock));
    await expect(receipt.write(Buffer.from('more'))).rejects.toThrow('committed or aborted');
  });

  test('is removed at the next start when the spool was stopped in the middle', async () => {
    const first = await open();
    const receipt = await first.spool.receive();
    await receipt.write(randomBytes(6 * 1024 * 1024));
    await first.spool.stop();
    await expect(receipt.write(randomBytes(1024 * 1024))).rejects.toMatchObject({ reason: 'stopping' });
    await expect(receipt.commit(testMessage(first.clock))).rejects.toMatchObject({ reason: 'stopping' });
    expect(countRows(first.file).chunks).toBeGreaterThan(0);
    const second = await open({ directory: first.directory, key: first.key });
    expect(second.started.pending).toBe(0);
    await second.spool.stop();
    expect(countRows(second.file)).toEqual({ chunks: 0, garbage: 0, messages: 0 });
  });
});

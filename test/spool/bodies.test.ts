/** Bodies: byte for byte in and out, whatever their size, in bounded memory. */
import { createHash, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { STORAGE } from '../../src/spool/storage.ts';
import {
  acceptTestMessage,
  openTestSpool,
  readTestBody,
  type TestSpool,
  testMessage,
} from '../support/spool.ts';

const { chunkBytes } = STORAGE;
let opened: TestSpool[] = [];

async function open(options: Parameters<typeof openTestSpool>[0] = {}): Promise<TestSpool> {
  const spool = await openTestSpool(options);
  opened.push(spool);
  return spool;
}

afterEach(async () => {
  for (const spool of opened) await spool.close();
  opened = [];
});

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

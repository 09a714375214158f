/** Bodies at rest are ciphertext, and a delivered one can't be opened any more: its key is nowhere in the file. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { STORAGE } from '../../src/spool/storage.ts';
import { acceptTestMessage, readTestBody, type TestSpool } from '../support/spool.ts';
import { ALL, claimOne, deliver, spoolsOfThisFile } from './open-spools.ts';
import { lookInto } from './raw-database.ts';

const open = spoolsOfThisFile();
const { chunkBytes } = STORAGE;
const PLAIN = 'confidential salary letter';

/** Whether any file of the data folder holds these bytes. */
function holds({ directory }: TestSpool, bytes: Buffer | string): boolean {
  return readdirSync(directory).some((name) => readFileSync(join(directory, name)).includes(bytes));
}

/** Every wrapped key in the file, the zeros of free slots aside. */
function wrappedKeys(file: string): Buffer[] {
  return lookInto(file, (db) =>
    db.prepare<[], Buffer>('SELECT wrapped FROM keys WHERE wrapped <> zeroblob(60)').pluck().all(),
  );
}

describe('with encryption', () => {
  test('no plain text reaches the disk', async () => {
    const test = await open();
    const { id } = await acceptTestMessage(test, {}, PLAIN.repeat(20_000));
    expect(holds(test, PLAIN)).toBe(false);
    expect((await readTestBody(test.spool, id)).toString()).toBe(PLAIN.repeat(20_000));
  });

  test('the key of each of 200 delivered messages is nowhere in the folder, the others still open', async () => {
    const first = await open();
    await Promise.all(Array.from({ length: 220 }, () => acceptTestMessage(first, {}, PLAIN)));
    await first.spool.stop();
    const keys = wrappedKeys(first.file);
    expect(keys).toHaveLength(220);

    const second = await open({ directory: first.directory, key: first.key, clock: first.clock });
    const claims = await second.spool.claimDue(second.clock.now(), ALL, 200);
    await Promise.all(claims.map((claim) => deliver(second, claim)));
    for (const claim of await second.spool.claimDue(second.clock.now(), ALL, 100)) {
      expect((await readTestBody(second.spool, claim.head.id)).toString()).toBe(PLAIN);
    }
    const whileOpen = keys.filter((key) => holds(second, key));
    expect(whileOpen).toHaveLength(20);
    await second.spool.stop();
    const kept = wrappedKeys(second.file);
    expect(kept).toHaveLength(20);
    const found = keys.filter((key) => holds(second, key));
    expect(found.map((key) => key.toString('hex')).sort()).toEqual(
      kept.map((key) => key.toString('hex')).sort(),
    );
  });

  test('slots are used again, so the table does not grow with the traffic', async () => {
    const test = await open();
    for (let count = 0; count < 100; count++) {
      await acceptTestMessage(test);
      await deliver(test, await claimOne(test));
    }
    await test.spool.stop();
    const slots = lookInto(test.file, (db) => db.prepare('SELECT count(*) FROM keys').pluck().get());
    expect(slots).toBe(64);
  });

  test('another box key opens nothing, and says so', async () => {
    const first = await open();
    const { id } = await acceptTestMessage(first);
    await first.spool.stop();
    const second = await open({ directory: first.directory, key: randomBytes(32) });
    await expect(readTestBody(second.spool, id)).rejects.toMatchObject({
      explanation: { code: 'spool.body-damaged' },
    });
  });

  test('a chunk that was changed, moved or cut off is noticed', async () => {
    const first = await open();
    const ids: string[] = [];
    for (let count = 0; count < 3; count++)
      ids.push((await acceptTestMessage(first, {}, randomBytes(2 * chunkBytes + 1000))).id);
    await first.spool.stop();
    lookInto(first.file, (db) => {
      const chunk = (message: number, index: number) => message * 65_536 + index;
      db.prepare('UPDATE chunks SET bytes = zeroblob(length(bytes)) WHERE id = ?').run(chunk(1, 1));
      db.prepare(
        'UPDATE chunks SET (tag, bytes) = (SELECT tag, bytes FROM chunks WHERE id = ?) WHERE id = ?',
      ).run(chunk(2, 0), chunk(2, 1));
      db.prepare('UPDATE messages SET chunk_count = 2, body_bytes = ? WHERE number = 3').run(2 * chunkBytes);
    });
    const second = await open({ directory: first.directory, key: first.key });
    for (const id of ids) {
      await expect(readTestBody(second.spool, id), id).rejects.toMatchObject({
        explanation: { code: 'spool.body-damaged' },
      });
    }
  });
});

describe('without encryption', () => {
  test('bodies are stored as they came, and removed on delivery', async () => {
    const test = await open({ settings: { encrypt: false } });
    const { id } = await acceptTestMessage(test, {}, PLAIN);
    expect(holds(test, PLAIN)).toBe(true);
    await deliver(test, await claimOne(test));
    await expect(test.spool.openBody(id)).rejects.toMatchObject({
      explanation: { code: 'spool.body-erased' },
    });
  });

  test('what was accepted encrypted before the setting changed is still read', async () => {
    const first = await open();
    const { id } = await acceptTestMessage(first, {}, PLAIN);
    await first.spool.stop();
    const second = await open({ directory: first.directory, key: first.key, settings: { encrypt: false } });
    expect((await readTestBody(second.spool, id)).toString()).toBe(PLAIN);
  });
});

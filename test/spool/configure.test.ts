/** Settings that change while the spool runs. */
import { expect, it } from 'vitest';
import { spoolSettings } from '../../src/spool/settings.ts';
import { acceptTestMessage, readTestBody } from '../support/spool.ts';
import { spoolsOfThisFile } from './open-spools.ts';
import { lookInto } from './raw-database.ts';

const open = spoolsOfThisFile();
const MIB = 1024 ** 2;
const settings = { ...spoolSettings().parse({}), minFreeBytes: 0 };

it('refuses beyond a smaller quota at once, and takes more under a larger one', async () => {
  const test = await open();
  const body = Buffer.alloc(2 * MIB, 'a');
  await acceptTestMessage(test, {}, body);
  await test.spool.configure({ ...settings, maxBytes: MIB });
  await expect(acceptTestMessage(test, {}, body)).rejects.toMatchObject({ reason: 'quota' });
  expect((await test.spool.stats()).maxBytes).toBe(MIB);
  await test.spool.configure({ ...settings, maxBytes: 8 * MIB });
  await acceptTestMessage(test, {}, body);
});

it('refuses below another amount of free space', async () => {
  const test = await open();
  await test.spool.configure({ ...settings, minFreeBytes: Number.MAX_SAFE_INTEGER });
  await expect(acceptTestMessage(test)).rejects.toMatchObject({ reason: 'disk-full' });
});

it('encrypts new bodies as it is told, and reads the older ones as they are', async () => {
  const test = await open({ settings: { encrypt: false } });
  const clear = await acceptTestMessage(test, {}, 'clear');
  await test.spool.configure({ ...settings, encrypt: true });
  const sealed = await acceptTestMessage(test, {}, 'sealed');
  expect((await readTestBody(test.spool, clear.id)).toString()).toBe('clear');
  expect((await readTestBody(test.spool, sealed.id)).toString()).toBe('sealed');
  await test.spool.stop();
  const stored = lookInto(test.file, (db) =>
    db.prepare<[], Buffer>('SELECT bytes FROM chunks ORDER BY id').pluck().all(),
  );
  expect(stored.map((bytes) => ['clear', 'sealed'].includes(bytes.toString()))).toEqual([true, false]);
});

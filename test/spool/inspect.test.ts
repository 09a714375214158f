/** Looking through a spool without changing it: while it runs, and after. */
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { inspectStoppedSpool } from '../../src/spool/inspect-stopped.ts';
import { acceptTestMessage, type TestSpool } from '../support/spool.ts';
import { spoolsOfThisFile } from './open-spools.ts';

const open = spoolsOfThisFile();

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-inspect-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const inspect = ({ key }: TestSpool) =>
  inspectStoppedSpool({ directory, boxKey: key, maxBytes: 1000, nativeBinding: null });

it('reads back of a running spool that it is durable and in order', async () => {
  const test = await open();
  await acceptTestMessage(test);
  expect(await test.spool.inspect()).toEqual({ synchronous: 2, journalMode: 'truncate', trouble: null });
});

it('counts what waits in a spool whose agent is stopped, and leaves the file as it is', async () => {
  const test = await open({ directory });
  const message = await acceptTestMessage(test);
  await test.spool.stop();
  const before = readFileSync(test.file);
  expect(inspect(test)).toMatchObject({
    inspection: { synchronous: 2, trouble: null },
    stats: { recipients: { queued: 1, held: 0 }, oldestPendingAt: message.receivedAt, maxBytes: 1000 },
  });
  expect(readFileSync(test.file).equals(before)).toBe(true);
});

it('says that a spool is open elsewhere', async () => {
  const test = await open({ directory });
  expect(() => inspect(test)).toThrow(
    expect.objectContaining({ explanation: expect.objectContaining({ code: 'spool.in-use' }) }),
  );
});

it('tells damage, and does not touch the file', async () => {
  const test = await open({ directory });
  await acceptTestMessage(test);
  await test.spool.stop();
  truncateSync(test.file, 3 * 4096);
  const before = readFileSync(test.file);
  const found = inspect(test);
  expect(found !== null && ('damage' in found ? found.damage : found.inspection.trouble)).toMatch(/\w/);
  expect(readFileSync(test.file).equals(before)).toBe(true);
});

it('finds no spool where there was none', async () => {
  const test = await open();
  expect(inspect(test)).toBeNull();
});

/** A copy of the spool, made while it is in use. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SPOOL_FILE } from '../../src/spool/spool.ts';
import { acceptTestMessage, openTestSpool, type TestSpool, testMessage } from '../support/spool.ts';

let source: TestSpool;
let folder: string;
let copied: TestSpool | null = null;
beforeEach(async () => {
  source = await openTestSpool();
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-copy-'));
});
afterEach(async () => {
  await copied?.close();
  copied = null;
  await source.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The copy as a spool of its own. */
async function openCopy(): Promise<TestSpool> {
  copied = await openTestSpool({ directory: folder, key: source.key, clock: source.clock });
  return copied;
}

const MIB = 1024 ** 2;

test('holds every message accepted before it, also while scans come in all the time', async () => {
  const { spool, clock } = source;
  const body = Buffer.alloc(8 * MIB, 'a page of a scan ');
  const before = await acceptTestMessage(source, {}, body);
  const unfinished = await spool.receive();
  let isCopied = false;
  // Chunks keep a transaction open, which SQLite's copying must not meet.
  const writing = (async () => {
    let written = 0;
    for (; !isCopied && written < 500; written++) await unfinished.write(Buffer.alloc(100_000, 'x'));
    return written;
  })();
  await spool.copy(path.join(folder, SPOOL_FILE), { messages: true });
  isCopied = true;
  expect(await writing).toBeGreaterThan(0);
  const late = testMessage(clock);
  await unfinished.commit(late);

  const copy = await openCopy();
  expect(copy.started.salvaged).toBeNull();
  expect((await buffer(await copy.spool.openBody(before.id))).equals(body)).toBe(true);
  expect(await copy.spool.show(late.id)).toBeNull();
  expect((await spool.show(late.id))?.hasBody).toBe(true);
});

test('without messages holds the facts, and events go on from their number', async () => {
  const { spool } = source;
  await acceptTestMessage(source, {}, 'secret scan');
  await spool.putFact('intake', 'learned', { address: '192.0.2.7' });
  const [last] = (await spool.events(0, 100)).slice(-1);
  await spool.copy(path.join(folder, SPOOL_FILE), { messages: false });

  const copy = await openCopy();
  expect(await copy.spool.getFacts('intake')).toEqual(new Map([['learned', { address: '192.0.2.7' }]]));
  expect(await copy.spool.list({}, { limit: 10, before: null })).toEqual([]);
  await copy.spool.record({ type: 'agent.stopped', data: { clean: true } });
  expect((await copy.spool.events(last?.seq ?? 0, 10)).map(({ seq }) => seq)).toEqual([(last?.seq ?? 0) + 1]);
});

test('says when it has no place to go, and the spool goes on', async () => {
  const { spool } = source;
  const file = path.join(folder, 'no-such-folder', 'copy.db');
  await expect(spool.copy(file, { messages: true })).rejects.toThrow(/ENOENT/);
  await expect(spool.copy(file, { messages: false })).rejects.toThrow(/ENOENT/);
  expect((await acceptTestMessage(source, {}, 'still here')).id).not.toBe('');
});

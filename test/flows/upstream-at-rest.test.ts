/** What lies on the disk of the box: never a scan or a token in clear, and nothing of a scan once it is delivered. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readBoxKey } from '../../src/config/box-key.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { unseal } from '../../src/core/seal.ts';
import { SPOOL_FILE } from '../../src/spool/spool.ts';
import { countRows, lookInto } from '../spool/raw-database.ts';
import type { TestAgent } from '../support/agent.ts';
import {
  detailOf,
  LOGIN,
  type PostfixSite,
  pauseOf,
  routeLines,
  scanFrom,
  scanText,
  startPostfixSite,
  startTenantSite,
} from './support/upstream.ts';

const ROUTE = 'smarthost';
const MIB = 1024 * 1024;
const MARKER = 'Salaries of the second floor';

let site: PostfixSite;
let agent: TestAgent;

beforeEach(async () => {
  site = await startPostfixSite();
  agent = await site.startAgent();
});
afterEach(async () => {
  await agent.stop();
  await site.stop();
});

const dataDir = (of: TestAgent) => path.join(of.directory, 'data');

/** Files of the data folder that hold `text`. */
function filesWith(text: string, of: TestAgent): string[] {
  return readdirSync(dataDir(of), { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(dataDir(of), name))
    .filter((file) => statSync(file).isFile() && readFileSync(file).includes(text));
}

/** A scan whose every line carries the marker, so that any piece of it on disk would show. */
function markedScan(bytes: number): Buffer {
  const line = `${MARKER}\r\n`;
  return Buffer.concat([
    scanText(MARKER, [`X-Marker: ${MARKER}`]),
    Buffer.from(line.repeat(bytes / line.length)),
  ]);
}

test('a scan is in no file of the box in clear: not while it comes, nor waits, nor goes, nor after a stop', async () => {
  // The spool writes at least every LIMITS.spoolUncommittedBytesMax; half of this is more.
  const scan = markedScan(3 * LIMITS.spoolUncommittedBytesMax);
  const [half, rest] = [scan.subarray(0, scan.length / 2), scan.subarray(scan.length / 2)];
  let whileItComes: string[] | null = null;
  async function* inTwoPieces() {
    yield half;
    await untilOnDisk(MIB);
    whileItComes = filesWith(MARKER, agent);
    yield rest;
  }
  const held = site.wiretap.holdAfter(2 * MIB);
  await scanFrom(agent, { message: Readable.from(inTwoPieces()) });
  expect(whileItComes).toEqual([]);
  await held;
  expect(filesWith(MARKER, agent)).toEqual([]);
  await agent.stop({ keep: true });
  expect(filesWith(MARKER, agent)).toEqual([]);
  // The search itself works: what stands on disk in clear is found.
  expect(filesWith(LOGIN.user, agent)).not.toEqual([]);

  site.wiretap.release();
  agent = await site.startAgent({ directory: agent.directory });
  await agent.settled(1);
  const [message] = await site.postfix.sink.waitFor(1);
  expect(message?.raw.includes(MARKER)).toBe(true);
  expect(filesWith(MARKER, agent)).toEqual([]);
});

/** Waits for the database to grow past `bytes`: the file system tells of each write. */
async function untilOnDisk(bytes: number): Promise<void> {
  const file = path.join(dataDir(agent), SPOOL_FILE);
  const grown = Promise.withResolvers<void>();
  const look = () => {
    if (statSync(file).size > bytes) grown.resolve();
  };
  const watcher = watch(file, look);
  try {
    look();
    await grown.promise;
  } finally {
    watcher.close();
  }
}

test('after delivery nothing of a body is left, neither its chunks nor its key', async () => {
  const id = await scanFrom(agent, { message: markedScan(8 * MIB) });
  await agent.settled(1);
  expect((await detailOf(agent, id)).hasBody).toBe(false);
  await agent.stop({ keep: true });
  const file = path.join(dataDir(agent), SPOOL_FILE);
  expect(countRows(file)).toEqual({ chunks: 0, garbage: 0, messages: 1 });
  const keys = lookInto(file, (db) => db.prepare<[], Buffer>('SELECT wrapped FROM keys').pluck().all());
  expect(keys.length).toBeGreaterThan(0);
  expect(keys.filter((wrapped) => wrapped.some((byte) => byte !== 0))).toEqual([]);
});

test('without the key of the box a waiting scan can not be read, and with it again the scan arrives', async () => {
  await site.wiretap.setListening(false);
  const id = await scanFrom(agent, { message: scanText(MARKER) });
  await pauseOf(agent, ROUTE);
  await agent.stop({ keep: true });
  const key = path.join(dataDir(agent), 'box.key');
  expect(statSync(key).mode & 0o777).toBe(0o600);
  expect(statSync(dataDir(agent)).mode & 0o777).toBe(0o700);
  renameSync(key, `${key}.away`);

  await expect(site.startAgent({ directory: agent.directory })).rejects.toThrow(/box\.key is gone/);
  writeFileSync(key, randomBytes(32).toString('base64'));
  agent = await site.startAgent({ directory: agent.directory });
  await expect(agent.agent.rooms.spool.openBody(id).then((body) => body.toArray())).rejects.toThrow(
    /encrypted under another box key/,
  );
  await agent.stop({ keep: true });
  rmSync(key);
  renameSync(`${key}.away`, key);

  await site.wiretap.setListening(true);
  agent = await site.startAgent({ directory: agent.directory });
  await agent.agent.rooms.spool.act('retry', { ids: [id] }, 'the test');
  await agent.settled(1);
  const [message] = await site.postfix.sink.waitFor(1);
  expect(message?.raw.includes(MARKER)).toBe(true);
});

test('a cached token lies on disk under the key of the box, and neither it nor the secret is in the log', async () => {
  const tenant = await startTenantSite();
  const box = await tenant.startAgent({ routes: `routes:\n${routeLines(tenant.addresses).oauth}` });
  try {
    await scanFrom(box);
    await box.settled(1);
    const facts = await box.agent.rooms.spool.getFacts('routes');
    const key = readBoxKey(dataDir(box));
    const [name = '', sealed] = [...facts].find(([each]) => each.startsWith('token:')) ?? [];
    const kept = unseal(
      key ?? Buffer.alloc(0),
      Buffer.from(String(sealed), 'base64'),
      `fact:${name}`,
    ).toString();
    const token = String(JSON.parse(kept).value);
    expect(token.length).toBeGreaterThan(20);
    for (const secret of [token, tenant.sandbox.tenant.apps.values().next().value?.secrets[0]?.value ?? '']) {
      expect(secret).not.toBe('');
      expect(filesWith(secret, box)).toEqual([]);
      expect(JSON.stringify(box.log.lines)).not.toContain(secret);
    }
  } finally {
    await box.stop();
    await tenant.stop();
  }
});

/** An operator's command over 100,000 messages that is interrupted, by either end: nothing is lost, and it can be repeated. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import type { RecipientState } from '../../src/core/message.ts';
import { bundleFile } from '../support/bundle.ts';
import { type ChildSite, startChildSite } from '../support/child-site.ts';
import { fillSpool } from '../support/full-spool.ts';
import { type RunningProcess, startProcess } from '../support/processes.ts';

const COUNT = 100_000;
const LIMIT_MS = 120_000;

let dataDir: string;
let site: ChildSite | null = null;

beforeAll(async () => {
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'scanferry-operator-'));
  site = await startChildSite({ dataDir });
  // Kept over restarts: what is queued stays so, and can be counted.
  await site.scanferry('routes', 'pause', 'direct');
  await site.stop();
  site = null;
  fillSpool(path.join(dataDir, 'spool.db'), {
    ...{ count: COUNT, state: 'failed', firstAt: Date.now() - 2 * COUNT * 1000 },
  });
}, LIMIT_MS);
afterEach(async () => {
  await site?.stop();
  site = null;
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const counts = async (): Promise<Record<RecipientState, number>> =>
  (await createControlClient(dataDir).call('status', {})).spool.recipients;

/** Starts the command and waits until a part of its work is done and another is not. */
async function halfWay(args: string[], from: RecipientState, to: RecipientState): Promise<RunningProcess> {
  const { config } = site ?? {};
  const command = startProcess(process.execPath, [await bundleFile(), ...args, '--config', config ?? '']);
  await expect.poll(async () => (await counts())[to] > 0, { timeout: LIMIT_MS, interval: 20 }).toBe(true);
  expect((await counts())[from]).toBeGreaterThan(0);
  return command;
}

test('kill -9 of the agent in the midst of queue retry --all', { timeout: LIMIT_MS }, async () => {
  site = await startChildSite({ dataDir });
  const command = await halfWay(['queue', 'retry', '--all'], 'failed', 'queued');
  site.agent.signal('SIGKILL');
  await site.agent.waitForExit();
  // The operator is told, in a sentence, with the exit code of a problem.
  expect(await command.waitForExit()).toMatchObject({ code: 1 });
  expect(command.stderr()).toMatch(/^scanferry: The agent stopped answering in the midst of this\.\n.*again/);
  await site.stop();

  site = await startChildSite({ dataDir });
  const after = await counts();
  console.log(`after the kill: ${after.queued} queued, ${after.failed} failed`);
  expect(after.queued + after.failed).toBe(COUNT);
  expect(after.queued).toBeGreaterThan(0);
  const startedAt = performance.now();
  expect(await site.json('queue', 'retry', '--all')).toMatchObject({
    code: 0,
    value: { changed: after.failed },
  });
  console.log(`repeated for ${after.failed} in ${Math.round(performance.now() - startedAt)} ms`);
  expect(await counts()).toMatchObject({ queued: COUNT, failed: 0 });
});

test('kill -9 of the command line in the midst of queue hold --all', { timeout: LIMIT_MS }, async () => {
  site = await startChildSite({ dataDir });
  const listedAt = performance.now();
  const { value } = await site.json('queue', 'list');
  expect((value as { messages: unknown[] }).messages).toHaveLength(100);
  console.log(`first page of the queue: ${Math.round(performance.now() - listedAt)} ms`);
  const command = await halfWay(['queue', 'hold', '--all'], 'queued', 'held');
  command.signal('SIGKILL');
  await command.waitForExit();
  const repeated = await site.json('queue', 'hold', '--all');
  expect([0, 1]).toContain(repeated.code);
  await expect.poll(counts, { timeout: LIMIT_MS }).toMatchObject({ queued: 0, held: COUNT });
});

/** A kill between the final dot and its answer: the scan goes again, and everybody is told that it may have arrived twice. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sendScan } from '../../src/sandbox/device.ts';
import { type ChildSite, startChildSite } from '../support/child-site.ts';

const LIMIT_MS = 60_000;

let dataDir: string;
let site: ChildSite | null = null;

beforeEach(() => {
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'scanferry-final-dot-'));
});
afterEach(async () => {
  await site?.stop();
  site = null;
  rmSync(dataDir, { recursive: true, force: true });
});

async function scan({ port }: ChildSite): Promise<void> {
  const message = Buffer.from('Message-ID: <42@copier.contoso.com>\r\nSubject: scan\r\n\r\nA page.\r\n');
  const device = { connect: { host: '127.0.0.1', port }, hello: { verb: 'EHLO' as const, name: 'copier' } };
  const letter = { from: 'scanner@contoso.com', to: ['anna@contoso.com'], message };
  expect(await sendScan({ ...device, ...letter, tls: 'none' })).toMatchObject({ accepted: true });
}

interface HistoryJson {
  messages: { attempts: { results: { state: string; uncertain: boolean; code: string | null }[] }[] }[];
}

test('is uncertain in history and status', { timeout: LIMIT_MS }, async () => {
  site = await startChildSite({ dataDir });
  site.sandbox.tenant.faults.mx.silentAt = 'data-end';
  await scan(site);
  const noted = () => readFileSync(path.join(dataDir, 'spool.final-dots'), 'utf8');
  await expect.poll(noted, { timeout: LIMIT_MS, interval: 20 }).toContain('"routeId":"direct"');
  expect(noted()).not.toMatch(/anna|scanner|copier/);
  site.agent.signal('SIGKILL');
  await site.agent.waitForExit();
  await site.stop();

  site = await startChildSite({ dataDir });
  const again = site;
  const { sandbox } = again;
  await expect.poll(() => sandbox.received().length, { timeout: LIMIT_MS, interval: 50 }).toBe(1);
  expect(sandbox.received()[0]?.body?.toString('latin1')).toContain('Message-ID: <42@copier.contoso.com>');
  const attempts = async () => ((await again.json('history')).value as HistoryJson).messages[0]?.attempts;
  await expect
    .poll(attempts, { timeout: LIMIT_MS })
    .toMatchObject([
      { results: [{ state: 'deferred', uncertain: true, code: 'message.answer-missed' }] },
      { results: [{ state: 'delivered', uncertain: false }] },
    ]);
  expect((await again.scanferry('history')).stdout).toContain('(uncertain: it may have arrived)');
  expect((await again.scanferry('status')).stdout).toContain('uncertain: 1 attempt');
});

/** The product is one file: copied to an empty folder with nothing beside it, it starts, spools and relays. */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSystemClock } from '../../src/core/clock.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { freePort, runCommand, startProcess } from '../support/processes.ts';
import { createQuietLog } from '../support/quiet-log.ts';

const BUNDLE = path.resolve(import.meta.dirname, '../../dist/scanferry.cjs');

let folder: string;
let home: string;
let sandbox: Sandbox;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-alone-'));
  home = mkdtempSync(path.join(os.tmpdir(), 'scanferry-home-'));
  copyFileSync(BUNDLE, path.join(folder, 'scanferry.cjs'));
  sandbox = createSandbox({ clock: createSystemClock(0), log: createQuietLog() });
});
afterEach(async () => {
  await sandbox.stop();
  for (const each of [folder, home]) rmSync(each, { recursive: true, force: true });
});

test('runs alone: starts, opens its spool in the worker, relays, answers the command line, stops', async () => {
  const { mx, dns, caPem } = await sandbox.start();
  const port = await freePort('127.0.0.1');
  const data = path.join(home, 'data');
  const config = path.join(home, 'scanferry.yaml');
  writeFileSync(path.join(home, 'ca.pem'), caPem);
  writeFileSync(
    config,
    `site: { id: alone }
dataDir: data
dns: { servers: ['${dns.address}:${dns.port}'] }
intake:
  listeners: [{ address: 127.0.0.1, port: ${port} }]
  trustedNetworks: [127.0.0.0/8]
  unknownDevices: accept
spool: { minFreeBytes: 0 }
routes:
  - { id: direct, kind: direct-send, domain: ${mx.domain}, port: ${mx.port}, ca: ca.pem }
`,
  );
  const bare = { cwd: folder, env: { NODE_PATH: undefined, PATH: '/usr/bin:/bin', HOME: home } };
  const scanferry = (...args: string[]) =>
    runCommand(process.execPath, ['scanferry.cjs', ...args, '--data', data], bare);

  const agent = startProcess(process.execPath, ['scanferry.cjs', 'run', '--config', config], bare);
  await agent.waitForLine(/"event":"agent\.started"/);
  // In the same process, with the settings that exist only before a start.
  expect(readFileSync(`/proc/${agent.pid}/environ`, 'latin1')).toContain('MALLOC_ARENA_MAX=1');
  const sent = await sendScan({
    connect: { host: '127.0.0.1', port },
    tls: 'starttls',
    tlsMax: 'TLSv1',
    hello: { verb: 'EHLO', name: 'copier' },
    from: 'copier@contoso.com',
    to: ['anna@contoso.com'],
    message: Buffer.from('From: copier@contoso.com\r\nSubject: alone\r\n\r\none file\r\n'),
  });
  expect(sent).toMatchObject({ accepted: true, tls: { protocol: 'TLSv1' } });
  const [received] = await sandbox.waitForMessages(1);
  expect(received?.body?.toString()).toContain('one file\r\n');

  const status = await scanferry('--json', 'status');
  expect(JSON.parse(status.stdout)).toMatchObject({ site: 'alone', spool: { recipients: { queued: 0 } } });
  expect((await scanferry('queue', 'list', '--state', 'delivered')).stdout).toContain('anna@contoso.com');

  agent.signal('SIGTERM');
  expect(await agent.waitForExit(10_000)).toMatchObject({ code: 0 });
  expect(readdirSync(folder)).toEqual(['scanferry.cjs']);

  const stopped = await scanferry('status');
  expect(stopped.code).toBe(1);
  expect(stopped.stderr).toContain('No agent is running');
});

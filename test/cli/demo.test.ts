/** `run --demo`: what a visitor sees, with and without --once. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bundleFile } from '../support/bundle.ts';
import { runScanferry } from '../support/child-site.ts';
import { CLIENTS } from '../support/clients.ts';
import { freePort, type RunningProcess, startProcess } from '../support/processes.ts';

const COLUMNS_MAX = 100;
let demo: RunningProcess | null = null;
afterEach(async () => {
  await demo?.stop();
  demo = null;
});

it('with --once shows three devices on their way and ends with 0', async () => {
  const { code, stdout, stderr } = await runScanferry(['run', '--demo', '--once']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const row = (device: string, ...cells: string[]) =>
    new RegExp(`^${[device, ...cells].join(' {2,}')} {2,}\\d+ ms {2,}\\d+ ms$`, 'm');
  expect(stdout).toMatch(row('copier, TLS 1.0', 'office@contoso.com', 'TLS 1.0', 'direct', 'TLS 1.3'));
  expect(stdout).toMatch(row('scanner, no TLS', 'partner@fabrikam.com', 'plain text', 'mailbox', 'TLS 1.3'));
  expect(stdout).toMatch(row('printer, TLS at once', 'office@contoso.com', 'TLS 1.2', 'direct', 'TLS 1.3'));
  for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(COLUMNS_MAX);
});

it('leaves nothing behind when it is stopped before the first scan has arrived', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-interrupted-'));
  try {
    demo = startProcess(process.execPath, [await bundleFile(), 'run', '--demo'], { env: { TMPDIR: folder } });
    await demo.waitForLine(/^Scanferry demo\./);
    demo.signal('SIGINT');
    expect(await demo.waitForExit(10_000)).toEqual({ code: 1, signal: null });
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('without --once', () => {
  it('stays for the visitor: prints what becomes of each message, answers commands, and cleans up', async () => {
    const port = await freePort();
    demo = startProcess(process.execPath, [await bundleFile(), 'run', '--demo', '--port', String(port)]);
    await demo.waitForLine(
      /swaks --server 127\.0\.0\.1:\d+ --tls --from you@contoso\.com --to anna@contoso\.com/,
    );
    const [, config = ''] = await demo.waitForLine(/^ {2}alias scanferry='.* --config (\S+)'$/);
    const folder = path.dirname(config);
    await demo.waitForLine(/the config of this demo/);
    // The alias holds paths of this machine; every other line is the demo's own.
    for (const line of demo
      .stdout()
      .split('\n')
      .filter((text) => !text.includes('alias '))) {
      expect(line.length, line).toBeLessThanOrEqual(COLUMNS_MAX);
    }

    const result = await CLIENTS.swaks.send({
      host: '127.0.0.1',
      port,
      tls: 'starttls',
      tlsVersion: 'TLSv1',
      sender: 'you@contoso.com',
      recipients: ['anna@contoso.com'],
      message: Buffer.from('From: you@contoso.com\r\nSubject: hello\r\n\r\nhello\r\n'),
    });
    expect(result.ok, result.stdout).toBe(true);
    await demo.waitForLine(/^accepted +\S+ from 127\.0\.0\.1, TLS 1\.0, /);
    await demo.waitForLine(/^delivered +\S+ to anna@contoso\.com by direct, TLS 1\.3: 250 2\.6\.0 /);
    expect((await runScanferry(['status', '--config', config])).stdout).toContain(
      '4 delivered in the history',
    );

    // What is made of the config names the ports that are open.
    expect((await runScanferry(['sheet', 'copier-2f', '--config', config])).stdout).toMatch(
      new RegExp(`^ +Port +${port}$`, 'm'),
    );

    const [, broker = ''] = await demo.waitForLine(/^ {2}scanferry fleet --broker (\S+)$/);
    const { stdout } = await runScanferry(['fleet', '--broker', broker, '--once', '--json']);
    expect(stdout).toContain('"demo"');
    const sign = ['--broker', broker, '--key', path.join(folder, 'demo.key.pem')];
    expect((await runScanferry(['fleet', 'send', 'demo', 'flush', ...sign])).stdout).toMatch(
      /demo +flush succeeded/,
    );

    demo.signal('SIGTERM');
    expect(await demo.waitForExit(10_000)).toEqual({ code: 0, signal: null });
    expect(existsSync(folder)).toBe(false);
  });
});

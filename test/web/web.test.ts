/** The page of the box over real HTTPS, as a browser and an administrator's curl see it. */
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWeb, type Web } from '../../src/web/web.ts';
import { createTestCertificates, type TestCertificates } from '../support/certificates.ts';
import { freePort, runCommand } from '../support/processes.ts';
import { createQuietLog } from '../support/quiet-log.ts';

const HOST = 'box.contoso.com';
const DER = Buffer.from([0x30, 0x03, 0x02, 0x01, 0x05]);

let certificates: TestCertificates;
let web: Web;
let port: number;
beforeAll(async () => {
  certificates = await createTestCertificates({ names: [HOST], addresses: ['127.0.0.1'] });
});
afterAll(() => certificates.remove());
beforeEach(async () => {
  web = await makeWeb(0);
  port = await web.start();
});
afterEach(() => web.stop());

async function makeWeb(wantedPort: number, log = createQuietLog()): Promise<Web> {
  return createWeb({
    log,
    settings: { address: '127.0.0.1', port: wantedPort },
    siteName: 'Berlin <HQ>',
    hostname: HOST,
    mailPorts: () => [25, 465, 25],
    certificate: await certificates.server('valid'),
    root: { pem: '-----BEGIN CERTIFICATE-----\n', der: DER },
    devices: () => [{ id: 'copier-2f', name: 'Copier <2nd floor>' }],
    sheet: (id) => (id === 'copier-2f' ? '<!doctype html><title>the sheet</title>' : null),
  });
}

function curl(path: string, ...options: string[]) {
  const url = `https://${HOST}:${port}${path}`;
  const resolve = `${HOST}:${port}:127.0.0.1`;
  return runCommand('curl', [
    '-sS',
    '-i',
    '--cacert',
    certificates.caFile,
    '--resolve',
    resolve,
    ...options,
    url,
  ]);
}

describe('the page of the box', () => {
  test('names the site and the server to enter at a device, with markup in names made harmless', async () => {
    const { stdout } = await curl('/');
    expect(stdout).toContain('HTTP/1.1 200');
    expect(stdout).toContain('Berlin &lt;HQ&gt;');
    expect(stdout).toContain(
      `<code>${HOST}</code> as the SMTP server, and port <code>25</code> or <code>465</code>.`,
    );
  });

  test('lets no script run in it', async () => {
    expect((await curl('/')).stdout).toContain("content-security-policy: default-src 'none'");
  });

  test('gives the root certificate as PEM, as a file to save', async () => {
    const { stdout } = await curl('/scanferry-ca.pem');
    expect(stdout).toContain('attachment; filename="scanferry-ca.pem"');
    expect(stdout).toContain('-----BEGIN CERTIFICATE-----');
  });

  test('gives the root certificate as DER, byte for byte', async () => {
    const { stdout } = await runCommand('bash', [
      '-c',
      `curl -sS --cacert ${certificates.caFile} --resolve ${HOST}:${port}:127.0.0.1 https://${HOST}:${port}/scanferry-ca.cer | od -An -tx1`,
    ]);
    expect(stdout.replaceAll(/\s/g, '')).toBe(DER.toString('hex'));
  });

  test('knows no other page and takes nothing', async () => {
    expect((await curl('/etc/passwd')).stdout).toContain('HTTP/1.1 404');
    expect((await curl('/', '--data', 'x=y')).stdout).toContain('HTTP/1.1 405');
  });

  test('speaks TLS 1.2 and newer only', async () => {
    const old = await curl('/', '--tls-max', '1.1', '--ciphers', 'ALL:@SECLEVEL=0');
    expect(old.code).not.toBe(0);
    expect((await curl('/', '--tls-max', '1.2')).stdout).toContain('HTTP/1.1 200');
  });

  test('shows a renewed certificate without a restart', async () => {
    const fresh = await certificates.server('expired');
    web.replaceCertificate(fresh);
    const { stderr } = await curl('/');
    expect(stderr).toContain('expired');
  });
});

test('a port that is taken is one sentence that names the setting, for whoever asked to tell', async () => {
  const log = createQuietLog();
  const taken = await makeWeb(port, log);
  await expect(taken.start()).rejects.toMatchObject({
    explanation: { code: 'web.port-taken', advice: expect.stringContaining('web.port') },
  });
  expect(log.lines).toEqual([]);
});

test('stopping before the start is harmless', async () => {
  const idle = await makeWeb(await freePort('127.0.0.1'));
  await expect(idle.stop()).resolves.toBeUndefined();
});

test('stopping does not wait for somebody who has connected and says nothing', async () => {
  const silent = net.connect(port, '127.0.0.1');
  const closed = once(silent, 'close');
  await once(silent, 'connect');
  // Whoever was answered after it came after it: the silent one has reached the server.
  await curl('/');
  await web.stop();
  await closed;
});

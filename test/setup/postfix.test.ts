/** `scanferry init` with a real Postfix as smarthost: tried, written, and carrying a scan; a wrong password named. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sendScan } from '../../src/sandbox/device.ts';
import { LOGIN, type PostfixSite, startPostfixSite } from '../flows/support/upstream.ts';
import { bundleFile } from '../support/bundle.ts';
import { runScanferry } from '../support/child-site.ts';
import { freePort, startProcess } from '../support/processes.ts';

let site: PostfixSite;
let folder: string;
let port: number;
beforeAll(async () => {
  site = await startPostfixSite();
});
afterAll(() => site.stop());
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-init-'));
  port = await freePort();
  return () => rmSync(folder, { recursive: true, force: true });
});

const inFolder = (name: string) => path.join(folder, name);

function init(password: string) {
  writeFileSync(inFolder('ca.pem'), site.postfix.certificates.ca);
  writeFileSync(inFolder('password'), `${password}\n`);
  writeFileSync(
    inFolder('answers.yaml'),
    `site: { id: smarthost }
domain: contoso.com
mailbox: ${LOGIN.user}
way: submission
signIn: { kind: password, password: { file: password } }
networks: [127.0.0.0/8]
port: ${port}
unknownDevices: accept
dns: ['${site.names.address}:${site.names.port}']
server: { host: ${site.postfix.host}, port: ${site.wiretap.port}, ca: ca.pem }
`,
  );
  const place = ['--config', inFolder('scanferry.yaml'), '--data', inFolder('data')];
  return runScanferry(['init', '--answers', inFolder('answers.yaml'), ...place]);
}

test('what it writes carries a scan through Postfix', async () => {
  const done = await init(LOGIN.password);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout.replace(/\s+/g, ' ')).toContain(`It takes mail from ${LOGIN.user} to ${LOGIN.user}.`);
  const config = inFolder('scanferry.yaml');
  const agent = startProcess(process.execPath, [await bundleFile(), 'run', '--config', config]);
  try {
    await agent.waitForLine(/"event":"agent\.started"/);
    await sendScan({
      connect: { host: '127.0.0.1', port },
      tls: 'none',
      hello: { verb: 'EHLO', name: 'copier' },
      from: LOGIN.user,
      to: ['anna@contoso.com'],
      message: Buffer.from('Subject: scan\r\n\r\na page\r\n'),
    });
    await agent.waitForLine(/"event":"message\.delivered"/);
  } finally {
    await agent.stop();
  }
});

test('a wrong password is named with the words of Postfix, and nothing is written', async () => {
  const { code, stdout } = await init('wrong');
  expect(code).toBe(1);
  expect(stdout).toContain('535');
  expect(existsSync(inFolder('scanferry.yaml'))).toBe(false);
  expect(existsSync(inFolder('data'))).toBe(false);
});

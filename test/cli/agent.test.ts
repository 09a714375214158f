/** Every command against a running agent, as an operator types it, and as a script reads it with --json. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MessageSummary } from '../../src/spool/types.ts';
import { bundleFile } from '../support/bundle.ts';
import { type ChildSite, runScanferry, startChildSite } from '../support/child-site.ts';
import { CLIENTS } from '../support/clients.ts';
import { freePort, runCommand } from '../support/processes.ts';
import { arrivedFor } from '../support/site.ts';

let site: ChildSite;
let sent = 0;
beforeAll(async () => {
  site = await startChildSite({
    intake: ['trustedNetworks: [127.0.0.0/8]', 'unknownDevices: hold'],
    devices: ['{ id: copier-2f, address: 127.0.0.1, profile: generic/tls1.0, maxMessageBytes: 1048576 }'],
    more: [`web: { address: 127.0.0.1, port: ${await freePort()} }`],
  });
});
afterAll(() => site.stop());
beforeEach(async () => {
  await site.scanferry('routes', 'resume', 'direct');
});

/** Sends one message; its recipient is in no other test. */
async function send(local = `desk-${++sent}`): Promise<string> {
  const recipient = `${local}@contoso.com`;
  const result = await CLIENTS.swaks.send({
    host: '127.0.0.1',
    port: site.port,
    tls: 'starttls',
    tlsVersion: 'TLSv1',
    sender: 'copier@contoso.com',
    recipients: [recipient],
    message: Buffer.from('From: copier@contoso.com\r\nSubject: Confidential\r\n\r\nA page.\r\n'),
  });
  expect(result.ok, result.stdout).toBe(true);
  return recipient;
}

async function summary(recipient: string): Promise<MessageSummary> {
  const states = ['queued', 'sending', 'deferred', 'held', 'delivered', 'failed', 'cancelled'];
  const { value } = await site.json('queue', 'list', '--recipient', recipient, '--state', ...states);
  // The command prints the spool's own summaries.
  const [message] = (value as { messages: MessageSummary[] }).messages;
  if (message === undefined) throw new Error(`the agent has no message for ${recipient}`);
  return message;
}

async function idOf(recipient: string): Promise<string> {
  return (await summary(recipient)).head.id;
}

function untilState(recipient: string, state: string) {
  return expect
    .poll(async () => (await summary(recipient)).recipients[0]?.state, { timeout: 20_000 })
    .toBe(state);
}

/** Holds a message in the box: the route is paused first. */
async function keep(): Promise<{ recipient: string; id: string }> {
  await site.scanferry('routes', 'pause', 'direct');
  const recipient = await send();
  return { recipient, id: await idOf(recipient) };
}

const COLUMNS_MAX = 120;
function expectScreen(text: string): void {
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(COLUMNS_MAX);
  expect(text).not.toContain('Confidential');
  expect(text).not.toContain('A page.');
}

describe('status', () => {
  it('shows site, queue, spool and routes on one screen, and ends with 0 while all is well', async () => {
    const { code, stdout } = await site.scanferry('status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^site site, version \S+, running for \d+ (s|min)\nqueue: \d+ waiting/);
    expect(stdout).toMatch(/^direct +direct-send +open/m);
    expectScreen(stdout);
    const { value } = await site.json('status');
    expect(value).toMatchObject({ site: 'site', routes: [{ id: 'direct', state: 'open' }] });
  });

  it('ends with 1 while a route is paused, and says why', async () => {
    await site.scanferry('routes', 'pause', 'direct');
    const { code, stdout } = await site.scanferry('status');
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^direct has been paused for \d+ s \(route\.paused-by-operator\), until it is resumed$/m,
    );
    expectScreen(stdout);
  });
});

describe('routes', () => {
  it('tells in the queue list which route the waiting messages wait for', async () => {
    await keep();
    const { stdout } = await site.scanferry('queue', 'list');
    expect(stdout).toContain('queued');
    expect(stdout).toMatch(/^direct has been paused for \d+ s \(route\.paused-by-operator\)/m);
  });

  it('pauses one, keeps what comes meanwhile, and resumes it', async () => {
    expect(await site.scanferry('routes', 'pause', 'direct')).toMatchObject({
      code: 0,
      stdout: 'direct is paused\n',
    });
    expect((await site.scanferry('routes')).code).toBe(1);
    const recipient = await send();
    expect((await summary(recipient)).recipients[0]?.state).toBe('queued');
    expect(await site.scanferry('routes', 'resume', 'direct')).toMatchObject({
      code: 0,
      stdout: 'direct is open\n',
    });
    await arrivedFor(site.sandbox, recipient);
    expect(await site.json('routes', 'list')).toMatchObject({
      code: 0,
      value: [{ id: 'direct', state: 'open' }],
    });
  });

  it('names the routes there are when asked for another', async () => {
    const { code, stderr } = await site.scanferry('routes', 'pause', 'mailbox');
    expect(code).toBe(1);
    expect(stderr).toBe('scanferry: There is no route mailbox.\nThe routes are direct.\n');
  });
});

describe('queue', () => {
  it('shows a message with device, TLS of both sides, and the verbatim reply', async () => {
    const recipient = await send();
    await untilState(recipient, 'delivered');
    const { code, stdout } = await site.scanferry('queue', 'show', await idOf(recipient));
    expect(code).toBe(0);
    expect(stdout).toContain('from copier-2f at 127.0.0.1\n');
    expect(stdout).toMatch(/^over {7}TLS 1\.0 \(\S+\), to 127\.0\.0\.1:\d+$/m);
    expect(stdout).toMatch(
      /by direct to contoso-com\.mail\.protection\.outlook\.com\n {2}TLS 1\.3 \(\S+\), \d+ ms$/m,
    );
    expect(stdout).toContain('    250 2.6.0 Queued mail for delivery');
    expect(stdout).toContain('body erased');
    expectScreen(stdout);
    const { value } = await site.json('queue', 'show', await idOf(recipient));
    expect(value).toMatchObject({ hasBody: false, head: { device: { tls: { protocol: 'TLSv1' } } } });
  });

  it('lists what is not over, with the reason below its row', async () => {
    const recipient = await send('nobody');
    await untilState(recipient, 'failed');
    const { code, stdout } = await site.scanferry('queue', 'list', '--recipient', recipient);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^\S+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +copier-2f +\S+ KB +failed +nobody@contoso\.com\n {4}There is no such recipient\.$/m,
    );
    expectScreen(stdout);
    expect(await site.scanferry('queue', 'cancel', '--recipient', recipient)).toMatchObject({ code: 0 });
    expect(await site.scanferry('queue', 'list', '--recipient', recipient)).toMatchObject({
      code: 0,
      stdout: 'There is nothing in the queue that fits.\n',
    });
  });

  it('pages through a long list', async () => {
    await site.scanferry('routes', 'pause', 'direct');
    const [older, newer] = [await send(), await send()];
    const first = await site.scanferry('queue', 'list', '--state', 'queued', '--limit', '1');
    expect(first.stdout).toContain(newer);
    const more = /^More: scanferry (queue list --state queued --limit 1 --before \S+)$/m.exec(
      first.stdout,
    )?.[1];
    const second = await site.scanferry(...(more ?? '').split(' '));
    expect(second.stdout).toContain(older);
    expect(second.stdout).not.toContain(newer);
  });

  it('holds a message back over a retry, and releases it', async () => {
    const { recipient, id } = await keep();
    expect(await site.scanferry('queue', 'hold', id)).toMatchObject({
      code: 0,
      stdout: 'hold: 1 recipient changed\n',
    });
    await site.scanferry('routes', 'resume', 'direct');
    expect(await site.scanferry('queue', 'retry', id)).toMatchObject({
      code: 1,
      stdout: 'retry: 0 recipients changed; 1 recipient left alone: retry does not fit the state\n',
    });
    expect((await summary(recipient)).recipients[0]?.state).toBe('held');
    expect(await site.json('queue', 'release', id)).toEqual({ code: 0, value: { changed: 1, skipped: 0 } });
    await arrivedFor(site.sandbox, recipient);
  });

  it('tries a failed message again', async () => {
    const recipient = 'later@contoso.com';
    site.sandbox.tenant.missingRecipients.add(recipient);
    await send('later');
    await untilState(recipient, 'failed');
    site.sandbox.tenant.missingRecipients.delete(recipient);
    expect((await site.scanferry('queue', 'retry', '--recipient', recipient)).code).toBe(0);
    await arrivedFor(site.sandbox, recipient);
  });

  it('cancels a message, and its body is gone', async () => {
    const { recipient, id } = await keep();
    expect(await site.scanferry('queue', 'cancel', id)).toMatchObject({ code: 0 });
    expect((await summary(recipient)).hasBody).toBe(false);
    const { code, stderr } = await site.scanferry('queue', 'export', id, '-');
    expect(code).toBe(1);
    expect(stderr).toContain('is no longer kept');
    expect(await site.scanferry('queue', 'retry', id)).toMatchObject({ code: 1 });
  });

  it('exports the body as it came, to a file only its owner may read, or to standard output', async () => {
    const { id } = await keep();
    const folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-export-'));
    try {
      const file = path.join(folder, 'scan.eml');
      expect(await site.scanferry('queue', 'export', id, file)).toMatchObject({ code: 0 });
      const body = readFileSync(file, 'latin1');
      expect(body).toMatch(/^Received: from .*\r\nSubject: Confidential\r\n\r\nA page\.\r\n$/s);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect((await site.scanferry('queue', 'export', id, '-')).stdout).toBe(body);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    await site.scanferry('queue', 'cancel', id);
  });

  it('says plainly that there is no such message, or nothing to do', async () => {
    expect(await site.scanferry('queue', 'show', 'nonsense')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^scanferry: There is no message nonsense\.\n/),
    });
    expect(await site.scanferry('queue', 'cancel', 'nonsense')).toMatchObject({
      code: 1,
      stdout: 'cancel: there is no such message: nonsense\n',
    });
    expect(await site.scanferry('queue', 'release', '--device', 'no-such-device')).toMatchObject({
      code: 1,
      stdout: 'release: there is nothing to release\n',
    });
  });
});

describe('send-test', () => {
  it('follows a scan to the reply of the other side', async () => {
    const { code, stdout } = await site.scanferry('send-test', 'anna@contoso.com');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /connected.*accepted.*sending {4}anna@contoso\.com by direct to the MX of contoso\.com, port \d+\n.*delivered {2}anna@contoso\.com by direct.*the test scan arrived\n$/s,
    );
    expect(stdout).toContain('250 2.6.0 Queued mail for delivery');
    expectScreen(stdout);
    await arrivedFor(site.sandbox, 'anna@contoso.com');
  });

  it('ends with 1 when it did not arrive, each step a line of JSON', async () => {
    const { code, stdout } = await site.scanferry('send-test', 'nobody@contoso.com', '--json');
    expect(code).toBe(1);
    const steps = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(steps.map(({ step }) => step)).toEqual(['connected', 'accepted', 'sending', 'failed', 'failed']);
    expect(steps.at(-1)).toMatchObject({ succeeded: false });
  });
});

it('certificate prints the root that signed what the listener shows, as PEM and as DER', async () => {
  const pem = await site.scanferry('certificate');
  expect(pem.code).toBe(0);
  expect(pem.stdout).toMatch(/^-----BEGIN CERTIFICATE-----\n.+-----END CERTIFICATE-----\n?$/s);
  const fingerprint = ['x509', '-noout', '-fingerprint', '-sha256'];
  const ofPem = await runCommand('openssl', fingerprint, { input: pem.stdout });
  const der = path.join(site.dataDir, 'root-by-cli.der');
  // Redirected by a shell, as an operator would: DER is no text.
  const command = '"$0" "$1" certificate --format der --config "$2" > "$3"';
  await runCommand('sh', ['-c', command, process.execPath, await bundleFile(), site.config, der]);
  const ofDer = await runCommand('openssl', [...fingerprint, '-inform', 'der', '-in', der]);
  expect(ofDer.stdout).toMatch(/Fingerprint=([0-9A-F]{2}:){31}/);
  expect(ofDer.stdout).toBe(ofPem.stdout);
});

it('a second agent on the same data folder is told so, and the first one goes on', async () => {
  const { code, stdout, stderr } = await runScanferry(['run', '--config', site.config]);
  // One sentence with its advice, and no line of a log about an agent that never began.
  expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 2]);
  expect(stderr).toContain(
    `scanferry: Another agent is already running with the data folder ${site.dataDir}.`,
  );
  expect((await site.scanferry('status')).code).toBe(0);
});

it('SIGTERM ends the agent with 0 within ten seconds, and its socket is gone', async () => {
  const own = await startChildSite();
  try {
    own.agent.signal('SIGTERM');
    expect(await own.agent.waitForExit(10_000)).toEqual({ code: 0, signal: null });
    expect(existsSync(path.join(own.dataDir, 'control.sock'))).toBe(false);
    expect((await own.scanferry('status')).stderr).toContain('No agent is running');
  } finally {
    await own.stop();
  }
});

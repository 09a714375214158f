/** One port for every device: plain text, STARTTLS and implicit TLS on it, in turn and at once, checked or not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sendAsDevice } from '../support/clients/send-as-device.ts';
import type { Client, SendRequest } from '../support/clients/types.ts';
import { CLIENTS, EVERY_CLIENT } from '../support/clients.ts';
import { runOrThrow } from '../support/processes.ts';
import { type Site, startSite } from '../support/site.ts';

let folder: string;
let site: Site;
let sent = 0;
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-auto-'));
  site = await startSite({ more: ['web: { address: 127.0.0.1, port: 0 }'] });
});
afterAll(async () => {
  await site.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Change = Partial<SendRequest> & Pick<SendRequest, 'tls'>;

/** The TLS version that the spool recorded of the session, after the message has arrived. */
async function carry(client: Client, change: Change): Promise<string | null> {
  sent += 1;
  const recipient = `desk-${sent}@contoso.com`;
  const result = await sendAsDevice(client, {
    host: '127.0.0.1',
    port: site.agent.port(),
    sender: 'copier@contoso.com',
    recipients: [recipient],
    message: Buffer.from('From: copier@contoso.com\r\nSubject: Scan\r\n\r\nA page.\r\n'),
    ...change,
  });
  expect(result, result.stderr).toMatchObject({ ok: true, code: 250 });
  await site.arrived(recipient);
  const [kept] = await site.kept(recipient);
  return kept?.head.device.tls?.protocol ?? null;
}

const KINDS: { client: Client; change: Change; recorded: string | null }[] = [
  { client: CLIENTS.swaks, change: { tls: 'none' }, recorded: null },
  { client: CLIENTS.openssl, change: { tls: 'implicit', tlsVersion: 'TLSv1' }, recorded: 'TLSv1' },
  { client: CLIENTS.msmtp, change: { tls: 'starttls', tlsVersion: 'TLSv1.1' }, recorded: 'TLSv1.1' },
  { client: CLIENTS.curl, change: { tls: 'implicit', tlsVersion: 'TLSv1.2' }, recorded: 'TLSv1.2' },
  { client: CLIENTS.python, change: { tls: 'none' }, recorded: null },
  { client: CLIENTS.swaks, change: { tls: 'starttls', tlsVersion: 'TLSv1.3' }, recorded: 'TLSv1.3' },
];

it('takes plain text, STARTTLS and implicit TLS one after the other', async () => {
  for (const { client, change, recorded } of KINDS) expect(await carry(client, change)).toBe(recorded);
});

it('takes them all at once', async () => {
  const recorded = await Promise.all(KINDS.map(({ client, change }) => carry(client, change)));
  expect(recorded).toEqual(KINDS.map((kind) => kind.recorded));
});

it('is believed by every client that was given the root certificate from the data folder', async () => {
  const caFile = path.join(site.agent.directory, 'data/ca/root.pem');
  for (const client of EVERY_CLIENT) {
    for (const tls of ['starttls', 'implicit'] as const) await carry(client, { tls, caFile });
  }
});

it.each([
  { form: 'PEM', page: 'scanferry-ca.pem' },
  { form: 'DER', page: 'scanferry-ca.cer' },
])('is believed with the $form that its page hands out', async ({ form, page }) => {
  const downloaded = path.join(folder, page);
  const url = `https://127.0.0.1:${site.agent.started.webPort}/${page}`;
  // The page is itself behind the certificate that is not known yet.
  await runOrThrow('curl', ['--disable', '--silent', '--fail', '--insecure', '--output', downloaded, url]);
  const caFile = path.join(folder, `from-${form}.pem`);
  await runOrThrow('openssl', ['x509', '-inform', form, '-in', downloaded, '-out', caFile]);
  await carry(CLIENTS.curl, { tls: 'starttls', caFile });
});

it('is not believed by a client that trusts another authority', async () => {
  const caFile = path.join(folder, 'another.pem');
  writeFileSync(
    path.join(folder, 'another.cnf'),
    '[req]\nprompt = no\ndistinguished_name = n\n[n]\nCN = Another\n',
  );
  await runOrThrow('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-config', path.join(folder, 'another.cnf')],
    ...['-keyout', path.join(folder, 'another.key'), '-out', caFile],
  ]);
  const result = await CLIENTS.curl.send({
    host: '127.0.0.1',
    port: site.agent.port(),
    tls: 'starttls',
    caFile,
    sender: 'copier@contoso.com',
    recipients: ['nobody-else@contoso.com'],
    message: Buffer.from('From: copier@contoso.com\r\n\r\n'),
  });
  expect(result).toMatchObject({ ok: false });
  expect(result.stderr).toMatch(/certificate/i);
});

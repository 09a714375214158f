/** Real client programs as devices: each over every TLS mode and version it has, against every kind of listener. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sendAsDevice } from '../support/clients/send-as-device.ts';
import type { SendRequest, TlsMode } from '../support/clients/types.ts';
import { CLIENTS, EVERY_CLIENT } from '../support/clients.ts';
import { afterSmtp, readCorpus } from '../support/corpus.ts';
import { bodyAfterTraceHeaders } from '../support/lmtp-sink.ts';
import type { TlsVersion } from '../support/postfix-config.ts';
import { type Site, startSite } from '../support/site.ts';

/** In the order in which the site lists them. */
const LISTENERS = [
  { name: 'an auto listener', yaml: 'tls: auto', takes: ['none', 'starttls', 'implicit'], floor: 'legacy' },
  { name: 'a starttls listener', yaml: 'tls: starttls', takes: ['none', 'starttls'], floor: 'legacy' },
  { name: 'an implicit listener', yaml: 'tls: implicit', takes: ['implicit'], floor: 'legacy' },
  { name: 'a listener without TLS', yaml: 'tls: none', takes: ['none'], floor: 'legacy' },
  {
    name: 'a modern auto listener',
    yaml: 'tls: auto, floor: modern',
    takes: ['none', 'starttls', 'implicit'],
    floor: 'modern',
  },
] as const;

const MODERN = LISTENERS.findIndex(({ floor }) => floor === 'modern');
const OLD: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1'];
/** The alert protocol_version of RFC 8446 section 6.2: OpenSSL names it, GnuTLS only says that one came. */
const VERSION_ALERT = /protocol[ _]version|TLS fatal alert has been received/i;

/** 8-bit, dots at line starts, a line of the longest allowed length: what a careless hop would change. */
const MESSAGE = Buffer.from(
  `From: copier@contoso.com\r\nTo: desk@contoso.com\r\nSubject: Scan\r\nDate: Tue, 24 Nov 2026 08:00:00 +0000\r\nMessage-ID: <scan@copier.contoso.com>\r\n\r\n.\r\n..\r\n.dot\r\nBüro\r\n${'x'.repeat(998)}\r\n\r\n\r\n`,
  'latin1',
);

let site: Site;
let sent = 0;
beforeAll(async () => {
  site = await startSite({
    listeners: LISTENERS.map(({ yaml }) => `{ address: 127.0.0.1, port: 0, ${yaml} }`),
    intake: ['trustedNetworks: [127.0.0.0/8]', 'unknownDevices: accept', 'connectionsPerDevice: 20'],
  });
});
afterAll(() => site.stop());

function request(listener: number, changes: Partial<SendRequest>): SendRequest {
  sent += 1;
  return {
    host: '127.0.0.1',
    port: site.agent.port(listener),
    tls: 'none',
    sender: 'copier@contoso.com',
    recipients: [`desk-${sent}@contoso.com`],
    message: MESSAGE,
    ...changes,
  };
}

/** The programs write TLS 1.0 as TLSv1, TLSv1.0 or TLS1.0. */
function versionOf(words: string | null): string | null {
  return words === null ? null : words.replace(/^TLSv?/, 'TLSv').replace(/^TLSv1\.0$/, 'TLSv1');
}

/** What the spool recorded of the connection, once the message has arrived as it was sent. */
async function recordedTls(asked: SendRequest): Promise<string | null> {
  const [recipient] = asked.recipients;
  const { body } = await site.arrived(recipient);
  const arrived = split(bodyAfterTraceHeaders(body ?? Buffer.alloc(0)));
  const expected = split(afterSmtp(asked.message));
  expect(arrived.body).toBe(expected.body);
  // Header text beyond ASCII is encoded on the way in (RFC 2047); every other header stays as it is, to the byte.
  if (IS_ASCII.test(expected.header)) expect(arrived.header).toBe(expected.header);
  else expect(arrived.header).toMatch(IS_ASCII);
  const [kept] = await site.kept(recipient);
  return kept?.head.device.tls?.protocol ?? null;
}

const IS_ASCII = /^[\0-\x7f]*$/;

/** A message that ends within its header has an empty body, and gets the blank line that says so. */
function split(message: Buffer): { header: string; body: string } {
  const text = message.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  return end < 0 ? { header: text, body: '' } : { header: text.slice(0, end + 2), body: text.slice(end + 4) };
}

for (const [index, listener] of LISTENERS.entries()) {
  for (const client of EVERY_CLIENT) {
    const modes = client.can.modes.filter((mode) => (listener.takes as readonly TlsMode[]).includes(mode));
    const pairs = modes
      .filter((tls) => tls !== 'none')
      .flatMap((tls) => client.can.tlsVersions.map((tlsVersion) => ({ tls, tlsVersion })));
    const isAllowed = (version: TlsVersion) => listener.floor === 'legacy' || !OLD.includes(version);
    const title = `${client.name} to ${listener.name}`;

    for (const { tls, tlsVersion } of pairs.filter((pair) => isAllowed(pair.tlsVersion))) {
      it.concurrent(`${title}: ${tlsVersion} by ${tls} carries a scan`, async () => {
        const asked = request(index, { tls, tlsVersion });
        const result = await sendAsDevice(client, asked);
        expect(result, result.stderr).toMatchObject({ ok: true, code: 250 });
        expect(versionOf(result.tls)).toBe(tlsVersion);
        expect(await recordedTls(asked)).toBe(tlsVersion);
      });
    }

    for (const { tls, tlsVersion } of pairs.filter((pair) => !isAllowed(pair.tlsVersion))) {
      it.concurrent(`${title}: ${tlsVersion} by ${tls} ends in an alert that names the version`, async () => {
        const asked = request(index, { tls, tlsVersion, limitMs: 10_000 });
        const result = await sendAsDevice(client, asked);
        expect(result.ok).toBe(false);
        expect(`${result.stdout}${result.stderr}`).toMatch(VERSION_ALERT);
        expect(await site.kept(asked.recipients[0])).toEqual([]);
      });
    }

    if (modes.includes('none')) {
      it.concurrent(`${title}: plain text carries a scan`, async () => {
        const asked = request(index, { tls: 'none' });
        expect(await client.send(asked)).toMatchObject({ ok: true, code: 250, tls: null });
        expect(await recordedTls(asked)).toBeNull();
      });
    }
  }
}

it.each(EVERY_CLIENT)('$name brings the whole corpus byte for byte over TLS 1.0', async (client) => {
  for (const { name, bytes } of await readCorpus()) {
    const asked = request(0, { tls: 'starttls', tlsVersion: 'TLSv1', message: bytes });
    expect(await client.send(asked), name).toMatchObject({ ok: true, code: 250 });
    expect(await recordedTls(asked)).toBe('TLSv1');
  }
});

it('tells the operator why a device below the floor got nowhere', async () => {
  await CLIENTS.curl.send(request(MODERN, { tls: 'implicit', tlsVersion: 'TLSv1' }));
  const refusal = await site.agent.when(async () => {
    const events = await site.agent.agent.rooms.spool.events(0, 10_000);
    return (
      events.find(({ type, data }) => type === 'session.refused' && data.code === 'intake.tls-failed') ?? null
    );
  }, 'a record of the refusal');
  expect(refusal).toMatchObject({ data: { address: '127.0.0.1' } });
});

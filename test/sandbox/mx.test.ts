/** The simulated MX: direct send, connectors by address and by certificate, recipients. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dial } from './raw-client.ts';
import { type Bench, MESSAGE, startBench, submit } from './support.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.stop());

const OUTSIDE = 'office@fabrikam.com';

test("names the caller's address in EHLO, offers STARTTLS and never AUTH", async () => {
  const client = await dial(bench.addresses.mx.port, '127.0.0.9');
  expect(await client.reply()).toMatch(/^220 contoso-com\.mail\.protection\.outlook\.com Microsoft ESMTP/);
  const hello = await client.say('EHLO box');
  expect(hello).toContain('Hello [127.0.0.9]');
  expect(hello).toContain('STARTTLS');
  expect(hello).not.toContain('AUTH');
  client.close();
});

test('takes direct send to the tenant, with and without TLS', async () => {
  expect(await submit(await bench.secureMx())).toMatch(/^250 2\.6\.0 /);
  const plain = await dial(bench.addresses.mx.port);
  await plain.reply();
  await plain.say('EHLO box');
  expect(await submit(plain)).toMatch(/^250 2\.6\.0 /);
  plain.close();
  const received = await bench.sandbox.waitForMessages(2);
  expect(received.map((message) => message.tls?.protocol ?? null)).toEqual(['TLSv1.3', null]);
});

test('refuses outside and missing recipients of direct send, each for itself', async () => {
  const client = await bench.secureMx();
  expect(await client.say('MAIL FROM:<scanner@contoso.com>')).toMatch(/^250 /);
  expect(await client.say(`RCPT TO:<${OUTSIDE}>`)).toMatch(/^550 5\.7\.54 /);
  expect(await client.say('RCPT TO:<nobody@contoso.com>')).toMatch(/^550 5\.4\.1 /);
  expect(await client.say('RCPT TO:<office@contoso.com>')).toMatch(/^250 /);
  await client.say('DATA');
  expect(await client.say(`${MESSAGE}.`)).toMatch(/^250 /);
  expect(bench.sandbox.received()[0]?.recipients).toEqual(['office@contoso.com']);
});

test('refuses direct send once it is rejected, but not foreign senders', async () => {
  bench.sandbox.tenant.rejectDirectSend = true;
  const client = await bench.secureMx();
  expect(await submit(client)).toMatch(/^550 5\.7\.68 TenantInboundAttribution/);
  await client.say('RSET');
  expect(await submit(client, { from: 'partner@fabrikam.com' })).toMatch(/^250 /);
});

test('relays for the address of a connector and for no other', async () => {
  bench.sandbox.tenant.connector = { addresses: ['127.0.0.9'], certificateName: null, authorities: [] };
  bench.sandbox.tenant.rejectDirectSend = true;
  const known = await bench.secureMx({ localAddress: '127.0.0.9' });
  expect(await submit(known, { to: [OUTSIDE, 'office@contoso.com'] })).toMatch(/^250 /);
  const stranger = await bench.secureMx({ localAddress: '127.0.0.8' });
  expect(await submit(stranger, { to: [OUTSIDE] })).toMatch(/^550 5\.7\.64 TenantAttribution/);
});

test('relays for an accepted sender domain only, where the connector goes by address', async () => {
  bench.sandbox.tenant.connector = { addresses: ['127.0.0.1'], certificateName: null, authorities: [] };
  expect(await submit(await bench.secureMx(), { from: 'a@fabrikam.com', to: [OUTSIDE] })).toMatch(
    /^550 5\.7\.64 /,
  );
});

test('relays for the certificate of a connector, with any sender', async () => {
  const { sandbox, addresses } = bench;
  const name = 'mail.contoso.com';
  sandbox.tenant.connector = { addresses: [], certificateName: name, authorities: [addresses.caPem] };
  const good = await sandbox.issueCertificate({ names: [name] });
  expect(await submit(await bench.secureMx(good), { from: '', to: [OUTSIDE] })).toMatch(/^250 /);
  expect(sandbox.received()[0]?.clientCertificate).toBe(name);
  const wildcard = await sandbox.issueCertificate({ names: ['*.contoso.com'] });
  expect(await submit(await bench.secureMx(wildcard), { to: [OUTSIDE] })).toMatch(/^250 /);
});

test.each([
  ['of another name', { names: ['mail.fabrikam.com'] }],
  ['signed by itself', { names: ['mail.contoso.com'], selfSigned: true }],
  ['that expired', { names: ['mail.contoso.com'], expired: true }],
])('refuses relay for a certificate %s', async (_what, options) => {
  const { sandbox, addresses } = bench;
  sandbox.tenant.connector = {
    addresses: [],
    certificateName: 'mail.contoso.com',
    authorities: [addresses.caPem],
  };
  const client = await bench.secureMx(await sandbox.issueCertificate(options));
  expect(await submit(client, { to: [OUTSIDE] })).toMatch(/^550 5\.7\.64 /);
});

test('asks to split an envelope over 200 recipients of one domain', async () => {
  const client = await bench.secureMx();
  await client.say('MAIL FROM:<scanner@contoso.com>');
  for (let count = 0; count < 200; count++) {
    expect(await client.say(`RCPT TO:<user${count}@contoso.com>`)).toMatch(/^250 /);
  }
  expect(await client.say('RCPT TO:<one-more@contoso.com>')).toMatch(/^452 4\.5\.3 /);
});

test('ends a session after twenty minutes with 4.4.1', async () => {
  const client = await bench.secureMx();
  await bench.clock.advance(20 * 60_000);
  expect(await client.reply()).toMatch(/^421 4\.4\.1 /);
  await client.closed();
});

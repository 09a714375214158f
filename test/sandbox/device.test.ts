/** Simulated devices and their scans, against the simulated hosts. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEMO_DEVICES } from '../../src/sandbox/demo-devices.ts';
import { type ScanOptions, sendScan } from '../../src/sandbox/device.ts';
import { cramMd5Response } from '../../src/sandbox/device-client.ts';
import { createScanMessage, createScanPdf } from '../../src/sandbox/scan.ts';
import { type Bench, startBench } from './support.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.stop());

function options(changes: Partial<ScanOptions> = {}): ScanOptions {
  const from = 'copier@contoso.com';
  const to = ['office@contoso.com'];
  return {
    connect: { host: '127.0.0.1', port: bench.addresses.mx.port },
    tls: 'starttls',
    hello: { verb: 'EHLO', name: 'XC-B8C463' },
    from,
    to,
    message: createScanMessage({ from, to, subject: 'Scan' }),
    ...changes,
  };
}

test('a TLS 1.0 copier hands its scan in from its own address', async () => {
  bench.sandbox.tenant.faults.mx.tlsMaxVersion = 'TLSv1';
  const connect = { host: '127.0.0.1', port: bench.addresses.mx.port, localAddress: '127.0.0.21' };
  const result = await sendScan(options({ connect, tlsMax: 'TLSv1' }));
  expect(result).toMatchObject({ accepted: true, failure: null, tls: { protocol: 'TLSv1' } });
  expect(result.replyText).toMatch(/^250 /);
  const [message] = await bench.sandbox.waitForMessages(1);
  expect(message).toMatchObject({ address: '127.0.0.21', ehlo: 'XC-B8C463', tls: { protocol: 'TLSv1' } });
});

test('a plain scanner says HELO with its address, and large scans arrive byte for byte', async () => {
  const scan = { from: 'a@contoso.com', to: ['office@contoso.com'], subject: 'Scan', pdfBytes: 5_000_000 };
  const hello = { verb: 'HELO', name: '[127.0.0.22]' } as const;
  const result = await sendScan(options({ tls: 'none', hello, message: createScanMessage(scan) }));
  expect(result).toMatchObject({ accepted: true, tls: null });
  const whole = await buffer(createScanMessage(scan));
  const [message] = await bench.sandbox.waitForMessages(1);
  expect(message?.bodyBytes).toBe(whole.length);
  expect(message?.sha256).toBe(createHash('sha256').update(whole).digest('hex'));
});

test('a device signs in by LOGIN and keeps the password out of its transcript', async () => {
  const user = 'scanner@contoso.com';
  const password = bench.sandbox.tenant.mailboxes.get(user)?.password ?? '';
  const connect = { host: '127.0.0.1', port: bench.addresses.submission.port };
  const auth = { mechanism: 'LOGIN', user, password } as const;
  const message = createScanMessage({ from: user, to: ['office@contoso.com'], subject: 'Scan' });
  const result = await sendScan(options({ connect, auth, from: user, message }));
  expect(result.accepted).toBe(true);
  expect(result.transcript.join('\n')).not.toContain(Buffer.from(password).toString('base64'));
  const wrong = await sendScan(options({ connect, auth: { ...auth, password: 'wrong' } }));
  expect(wrong).toMatchObject({ accepted: false, replyText: '535 5.7.3 Authentication unsuccessful' });
});

test('tells which recipients were refused, and the reply when all were', async () => {
  const some = await sendScan(options({ to: ['nobody@contoso.com', 'office@contoso.com'] }));
  expect(some).toMatchObject({ accepted: true, refusedRecipients: ['nobody@contoso.com'] });
  const none = await sendScan(options({ to: ['nobody@contoso.com'] }));
  expect(none).toMatchObject({ accepted: false, replyText: expect.stringMatching(/^550 5\.4\.1 /) });
});

test('says what broke: a cut, a refused connection, a certificate it checks', async () => {
  bench.sandbox.tenant.faults.mx.cutAt = 'rcpt';
  expect(await sendScan(options())).toMatchObject({ accepted: false, failure: expect.stringMatching(/./) });
  bench.sandbox.tenant.faults.mx.cutAt = null;
  const verify = { name: 'other.contoso.com', ca: bench.addresses.caPem };
  expect((await sendScan(options({ verify }))).failure).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
  await bench.sandbox.setListening('mx', false);
  expect((await sendScan(options())).failure).toContain('ECONNREFUSED');
});

test('an implicit-TLS printer speaks TLS first', async () => {
  const { key, cert } = await bench.sandbox.issueCertificate({ names: ['box'] });
  const server = createTlsServer({ key, cert }, (socket) => {
    // Read, so that the device's end of the connection is noticed.
    socket.resume().end('554 5.3.2 Not now\r\n');
    // The device goes its way without a farewell.
    socket.on('error', () => socket.destroy());
  });
  const port = await listen(server);
  const result = await sendScan(options({ connect: { host: '127.0.0.1', port }, tls: 'implicit' }));
  expect(result).toMatchObject({
    accepted: false,
    replyText: '554 5.3.2 Not now',
    tls: { protocol: 'TLSv1.2' },
  });
  await close(server);
});

test('gives up on a silent server after its time', async () => {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()));
  const port = await listen(server);
  const result = await sendScan(
    options({ connect: { host: '127.0.0.1', port }, tls: 'none', timeoutMs: 50 }),
  );
  expect(result.failure).toContain('nothing came for 50 ms');
  await close(server);
});

test('reckons the CRAM-MD5 response of RFC 2195', () => {
  const challenge = Buffer.from('<1896.697170952@postoffice.reston.mci.net>').toString('base64');
  expect(Buffer.from(cramMd5Response(challenge, 'tim', 'tanstaaftanstaaf'), 'base64').toString()).toBe(
    'tim b913a602c7eda7a495b4e6e7334d3890',
  );
});

test('makes a PDF whose table of objects is right, of the size asked for', async () => {
  const pdf = await buffer(createScanPdf({ pdfBytes: 300_000, caption: 'Ward (2)' }));
  expect(Math.abs(pdf.length - 300_000)).toBeLessThan(2000);
  const text = pdf.toString('latin1');
  expect(text).toMatch(/^%PDF-1\.4\n/);
  const start = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(text)?.[1]);
  expect(text.slice(start, start + 8)).toBe('xref\n0 7');
  const offsets = [...text.slice(start).matchAll(/^(\d{10}) 00000 n $/gm)].map((row) => Number(row[1]));
  expect(offsets).toHaveLength(6);
  for (const [index, at] of offsets.entries()) {
    expect(text.slice(at, at + 8)).toMatch(new RegExp(`^${index + 1} 0 obj`));
  }
  for (const [, length, stream] of text.matchAll(/\/Length (\d+) >>\nstream\n([\s\S]*?)\nendstream/g)) {
    expect(stream?.length).toBe(Number(length));
  }
});

test('makes a message of base64 lines with the headers asked for', async () => {
  const date = new Date(Date.UTC(2026, 10, 24, 8, 0, 0));
  const base = { from: 'a@contoso.com', to: ['b@contoso.com'], subject: 'Scan 1' };
  const text = (await buffer(createScanMessage({ ...base, date, messageId: '<1@contoso.com>' }))).toString();
  expect(text).toContain('Date: Tue, 24 Nov 2026 08:00:00 +0000\r\n');
  expect(text).toContain('Message-ID: <1@contoso.com>\r\n');
  expect((await buffer(createScanMessage(base))).toString()).not.toMatch(/^(Date|Message-ID):/m);
  expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  const encoded = /base64\r\nContent-Disposition: .+\r\n\r\n([\s\S]+?)--scan/.exec(text)?.[1] ?? '';
  expect(Math.max(...encoded.split('\r\n').map((line) => line.length))).toBe(76);
  expect(Buffer.from(encoded, 'base64')).toEqual(await buffer(createScanPdf()));
});

test('the demo has one device of each kind, each with an address of its own', () => {
  expect(DEMO_DEVICES.map((device) => device.tls)).toEqual(['starttls', 'none', 'implicit']);
  expect(new Set(DEMO_DEVICES.map((device) => device.address)).size).toBe(DEMO_DEVICES.length);
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  return bound !== null && typeof bound === 'object' ? bound.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** How TLS starts: every kind of listener against every kind of device, and the wait before the banner. */
import { connect } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { loadCatalogue } from '../../src/profiles/load-catalogue.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type Box, ENVELOPE, startBox } from './support/box.ts';
import { type Client, connectImplicit, connectPlain, TLS10 } from './support/client.ts';
import { until } from './support/until.ts';

let box: Box;
afterEach(() => box.stop());

async function sendScan(client: Client): Promise<string> {
  for (const line of ['EHLO copier', ...ENVELOPE]) await client.say(line);
  return await client.data('Subject: scan\r\n\r\npages');
}

type DeviceKind = 'plain' | 'starttls' | 'implicit';
const DEVICES: Record<DeviceKind, (port: number) => Promise<string>> = {
  async plain(port) {
    const client = await connectPlain(port);
    await client.reply();
    return await sendScan(client);
  },
  async starttls(port) {
    const client = await connectPlain(port);
    await client.reply();
    if (!(await client.say('EHLO copier')).includes('STARTTLS')) return 'no STARTTLS';
    return await sendScan(await client.startTls());
  },
  async implicit(port) {
    try {
      const client = await connectImplicit(port);
      await client.reply();
      return await sendScan(client);
    } catch {
      return 'no TLS';
    }
  },
};

const OK = expect.stringMatching(/^250 2\.6\.0 Message accepted as [0-9a-z]{16}$/);

describe('listener and device', () => {
  test.each([
    ['none', 'plain', OK],
    ['none', 'starttls', 'no STARTTLS'],
    ['none', 'implicit', 'no TLS'],
    ['starttls', 'plain', OK],
    ['starttls', 'starttls', OK],
    ['starttls', 'implicit', 'no TLS'],
    ['implicit', 'implicit', OK],
    ['auto', 'plain', OK],
    ['auto', 'starttls', OK],
    ['auto', 'implicit', OK],
  ] as const)('%s listener, %s device', async (tls, kind, expected) => {
    box = await startBox({ listeners: [{ tls }] });
    expect(await DEVICES[kind](box.port())).toEqual(expected);
  });

  test('a plain device at an implicit listener is told apart in the log and cut', async () => {
    box = await startBox({ listeners: [{ tls: 'implicit' }] });
    const client = await connectPlain(box.port());
    client.write('EHLO copier\r\n');
    await client.closed;
    expect(await box.refusals()).toEqual(['intake.tls-plain-text']);
  });
});

describe('the floor', () => {
  const TLS11: ConnectionOptions = { ...TLS10, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' };
  const RSA12: ConnectionOptions = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' };
  const TLS13: ConnectionOptions = { minVersion: 'TLSv1.3' };
  test.each([
    ['legacy', 'TLS 1.0 with RSA key exchange', TLS10, { protocol: 'TLSv1', cipher: 'AES128-SHA' }],
    ['legacy', 'TLS 1.1', TLS11, { protocol: 'TLSv1.1', cipher: 'AES128-SHA' }],
    ['legacy', 'TLS 1.2 with RSA key exchange', RSA12, { protocol: 'TLSv1.2', cipher: 'AES128-SHA' }],
    ['legacy', 'TLS 1.3', TLS13, { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }],
    ['modern', 'TLS 1.2 with RSA key exchange', RSA12, { protocol: 'TLSv1.2', cipher: 'AES128-SHA' }],
    ['modern', 'TLS 1.1', TLS11, null],
    ['modern', 'TLS 1.0', TLS10, null],
  ] as const)('%s meets %s', async (floor, _name, options, expected) => {
    box = await startBox({
      listeners: [
        { tls: 'implicit', floor },
        { tls: 'starttls', floor },
      ],
    });
    const implicit = connectImplicit(box.port(0), options);
    const upgraded = connectPlain(box.port(1)).then(async (client) => {
      await client.reply();
      await client.say('EHLO copier');
      return await client.startTls(options);
    });
    if (expected === null) {
      await expect(implicit).rejects.toThrow();
      await expect(upgraded).rejects.toThrow();
      await until(
        () => box.log.lines.filter(({ event }) => event === 'session.refused').length === 2,
        'both are told',
      );
      expect(await box.refusals()).toEqual(['intake.tls-failed']);
      return;
    }
    const client = await implicit;
    await client.reply();
    expect(await sendScan(client)).toEqual(OK);
    expect(await sendScan(await upgraded)).toEqual(OK);
    expect(box.spool.messages.map(({ message }) => message.device.tls)).toEqual([expected, expected]);
    expect(box.spool.messages[0]?.body.toString()).toContain('with ESMTPS id');
  });

  test.each([
    ['127.0.0.2', 'a stranger', false],
    ['127.0.0.3', 'a device of a trusted network', true],
    ['127.0.0.4', 'a device configured by its address', true],
    ['127.0.0.1', 'the box itself, which is no exception', false],
  ])('for TLS 1.0 from %s, %s', async (from, _who, isServed) => {
    box = await startBox({
      listeners: [{ tls: 'implicit' }, { tls: 'starttls' }, { tls: 'auto' }],
      settings: { trustedNetworks: ['127.0.0.3/32'] },
      devices: [
        { id: 'by-address', address: '127.0.0.4' },
        { id: 'by-login', login: { user: 'c', password: 'x' } },
      ],
    });
    const viaImplicit = (tls: ConnectionOptions) => connectImplicit(box.port(0), tls, { from });
    const viaAuto = (tls: ConnectionOptions) => connectImplicit(box.port(2), tls, { from });
    const viaStartTls = async (tls: ConnectionOptions) => {
      const client = await connectPlain(box.port(1), { from });
      await client.reply();
      await client.say('EHLO copier');
      return await client.startTls(tls);
    };
    for (const way of [viaImplicit, viaStartTls, viaAuto]) {
      if (!isServed) {
        await expect(way(TLS10)).rejects.toThrow(/alert|protocol/i);
        await expect(way(TLS11)).rejects.toThrow(/alert|protocol/i);
      }
      const client = await way(isServed ? TLS10 : RSA12);
      if (way !== viaStartTls) await client.reply();
      expect(await client.say('EHLO copier')).toMatch(/AUTH PLAIN/);
      expect((client.socket as TLSSocket).getProtocol()).toBe(isServed ? 'TLSv1' : 'TLSv1.2');
    }
  });

  test('a profile raises the floor for its device', async () => {
    box = await startBox({
      listeners: [{ tls: 'implicit', floor: 'legacy' }],
      devices: [{ id: 'new', address: '127.0.0.2', profile: 'generic/modern' }],
    });
    await expect(connectImplicit(box.port(), TLS10, { from: '127.0.0.2' })).rejects.toThrow();
    expect(await (await connectImplicit(box.port(), TLS10, { from: '127.0.0.3' })).reply()).toMatch(/^220/);
  });

  test('the certificate is the box’s own and no client certificate is asked for', async () => {
    box = await startBox({ listeners: [{ tls: 'implicit' }] });
    const client = await connectImplicit(box.port());
    const certificate = (client.socket as TLSSocket).getPeerX509Certificate();
    expect(certificate?.subject).toBe('CN=scanferry.local');
    expect(certificate?.issuer).toContain('O=Scanferry');
  });

  test('a new certificate is shown from the next connection on', async () => {
    box = await startBox({ listeners: [{ tls: 'implicit' }] });
    const { createCertificateAuthority } = await import('../../src/sandbox/certificates.ts');
    const authority = await createCertificateAuthority();
    box.intake.replaceCertificate(await authority.issue({ names: ['renewed.local'] }));
    const client = await connectImplicit(box.port());
    expect((client.socket as TLSSocket).getPeerX509Certificate()?.subject).toBe('CN=renewed.local');
  });
});

/** A TLS 1.0 hello in the format of SSLv2 (RFC 5246 appendix E.2) that offers AES128-SHA and AES256-SHA. */
function ssl2Hello(): Buffer {
  const body = Buffer.concat([
    Buffer.from([1, 3, 1, 0, 6, 0, 0, 0, 16]),
    Buffer.from([0x00, 0x00, 0x2f, 0x00, 0x00, 0x35]),
    Buffer.alloc(16, 7),
  ]);
  return Buffer.concat([Buffer.from([0x80, body.length]), body]);
}

test.each(['auto', 'implicit'] as const)(
  'answers an SSLv2-format hello at an %s listener with a TLS 1.0 ServerHello',
  async (tls) => {
    box = await startBox({ listeners: [{ tls }] });
    const socket = connect({ host: '127.0.0.1', port: box.port() });
    socket.write(ssl2Hello());
    const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    socket.destroy();
    // Record type handshake, version 3.1, then message type ServerHello.
    expect([answer[0], answer[1], answer[2], answer[5]]).toEqual([0x16, 3, 1, 2]);
  },
);

describe('the wait before the banner', () => {
  const clock = () => box.clock as ReturnType<typeof createFakeClock>;
  /** Sniffer and deadline of every open session wait on the clock. */
  const waiting = (sessions: number) =>
    until(() => clock().pendingTimers() >= sessions * 2, 'the box waits for the device');
  /** smtp-server's greeting is ready 100 ms after the connection; a later connection elsewhere shows that it is. */
  const greetingReady = async () => expect(await (await connectPlain(box.port(1))).reply()).toMatch(/^220/);
  const AUTO = { listeners: [{ tls: 'auto' }, { tls: 'none' }] } satisfies Parameters<typeof startBox>[0];
  const unheard = (client: Client) => client.socket.bytesRead === 0;

  test('an address never seen gets its banner after the short wait, not before', async () => {
    box = await startBox({ ...AUTO, clock: createFakeClock() });
    const client = await connectPlain(box.port());
    await waiting(1);
    await greetingReady();
    await clock().advance(LIMITS.bannerWaitMs - 1);
    expect(unheard(client)).toBe(true);
    await clock().advance(1);
    expect(await client.reply()).toBe('220 scanferry.local ESMTP Scanferry');
  });

  test('a device that speaks first in plain text is served at once', async () => {
    box = await startBox({ listeners: [{ tls: 'auto' }], clock: createFakeClock() });
    const client = await connectPlain(box.port());
    client.write('EHLO early\r\n');
    expect(await client.reply()).toMatch(/^220 /);
    expect(await client.reply()).toMatch(/^250-/);
  });

  test('an in-time hello is learned, told once, and kept over a restart', async () => {
    box = await startBox({ listeners: [{ tls: 'auto' }] });
    for (let i = 0; i < 2; i++) expect(await (await connectImplicit(box.port())).reply()).toMatch(/^220/);
    expect((await box.spool.events()).filter(({ type }) => type === 'device.tls-learned')).toHaveLength(1);
    expect([...(await box.spool.spool.getFacts('intake')).keys()]).toEqual([
      `implicit-tls 127.0.0.1 ${box.port()}`,
    ]);
  });

  test('a hello after the banner ends that connection, and the next one is waited for', async () => {
    box = await startBox({ ...AUTO, clock: createFakeClock() });
    const late = await connectPlain(box.port());
    await waiting(1);
    await clock().advance(LIMITS.bannerWaitMs);
    await late.reply();
    late.write(Buffer.from('160301002f0100002b', 'hex'));
    await late.closed;
    expect(await box.refusals()).toEqual(['intake.tls-late']);
    expect((await box.spool.events()).map(({ type }) => type)).toContain('device.tls-learned');

    await until(() => clock().pendingTimers() === 0, 'the late session is over');
    const slow = connect({ host: '127.0.0.1', port: box.port() });
    await waiting(1);
    await greetingReady();
    await clock().advance(LIMITS.bannerWaitMaxMs - 1);
    // A banner before the hello would break this handshake.
    const { connect: connectTls } = await import('node:tls');
    const secured = connectTls({ socket: slow, rejectUnauthorized: false });
    await new Promise((resolve, reject) => secured.once('secureConnect', resolve).once('error', reject));
    secured.destroy();
  });

  test('a remembered device that stays silent gets the banner at the ceiling, and is forgotten when it speaks plain', async () => {
    box = await startBox({ listeners: [{ tls: 'auto' }] });
    const port = box.port();
    const { spool } = box;
    await connectImplicit(port);
    await box.stop({ keepSpool: true });
    box = await startBox({
      ...{ clock: createFakeClock(), spool },
      settings: {
        listeners: [
          { address: '127.0.0.1', port, tls: 'auto' },
          { address: '127.0.0.1', port: 0, tls: 'none' },
        ],
      },
    });
    const client = await connectPlain(port);
    await waiting(1);
    await greetingReady();
    await clock().advance(LIMITS.bannerWaitMaxMs - 1);
    expect(unheard(client)).toBe(true);
    await clock().advance(1);
    expect(await client.reply()).toMatch(/^220/);
    await client.say('EHLO copier');
    expect((await spool.spool.getFacts('intake')).size).toBe(0);
  });

  test('a device whose profile says implicit is waited for from the start', async () => {
    box = await startBox({
      ...{ ...AUTO, clock: createFakeClock() },
      devices: [{ id: 'hp', address: '127.0.0.2', profile: 'generic/implicit' }],
    });
    const client = await connectPlain(box.port(), { from: '127.0.0.2' });
    await waiting(1);
    await greetingReady();
    await clock().advance(LIMITS.bannerWaitMaxMs - 1);
    expect(unheard(client)).toBe(true);
    await clock().advance(1);
    expect(await client.reply()).toMatch(/^220/);
  });

  test('a device whose profile says plain does not wait at all', async () => {
    box = await startBox({
      ...{ listeners: [{ tls: 'auto' }], clock: createFakeClock() },
      devices: [{ id: 'old', address: '127.0.0.2', profile: 'generic/plain' }],
    });
    const client = await connectPlain(box.port(), { from: '127.0.0.2' });
    await until(() => clock().pendingTimers() >= 2, 'the session is open');
    await clock().advance(0);
    expect(await client.reply()).toMatch(/^220/);
    expect(await client.say('EHLO old')).not.toContain('STARTTLS');
  });
});

describe('STARTTLS', () => {
  test('drops commands that were smuggled in behind it', async () => {
    box = await startBox({ listeners: [{ tls: 'starttls' }] });
    const client = await connectPlain(box.port());
    await client.reply();
    await client.say('EHLO copier');
    client.write('STARTTLS\r\nEHLO injected\r\nMAIL FROM:<evil@contoso.com>\r\n');
    expect(await client.reply()).toBe('220 2.0.0 Ready to start TLS');
    const { connect: connectTls } = await import('node:tls');
    client.socket.removeAllListeners('data');
    const secured = connectTls({ socket: client.socket, rejectUnauthorized: false });
    await new Promise((resolve, reject) => secured.once('secureConnect', resolve).once('error', reject));
    const heard: string[] = [];
    secured.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
    secured.write('NOOP\r\n');
    await until(() => heard.join('').includes('\r\n'), 'NOOP is answered');
    expect(heard.join('')).toBe('250 2.0.0 OK\r\n');
    secured.destroy();
  });

  test('forgets what was said before it', async () => {
    box = await startBox({ listeners: [{ tls: 'starttls' }] });
    const client = await connectPlain(box.port());
    await client.reply();
    for (const line of ['EHLO copier', ...ENVELOPE]) await client.say(line);
    const secured = await client.startTls();
    expect(await secured.say(ENVELOPE[1])).toBe('503 5.5.1 Say HELO or EHLO first.');
    expect(await secured.say('EHLO copier')).not.toContain('STARTTLS');
    expect(await secured.say('STARTTLS')).toBe('503 5.5.1 TLS is active already.');
  });

  test.each([
    ['none', 'STARTTLS', '502 5.5.1 STARTTLS is not offered on this port.'],
    ['starttls', 'STARTTLS now', '501 5.5.4 STARTTLS takes no parameters.'],
  ] as const)('at a listener %s, %s is refused', async (tls, line, expected) => {
    box = await startBox({ listeners: [{ tls }] });
    const client = await connectPlain(box.port());
    await client.reply();
    expect(await client.say(line)).toBe(expected);
  });

  test('a device that hangs in the handshake is cut', async () => {
    box = await startBox({ listeners: [{ tls: 'implicit' }], clock: createFakeClock() });
    const clock = box.clock as ReturnType<typeof createFakeClock>;
    const client = await connectPlain(box.port());
    await until(() => clock.pendingTimers() > 0, 'the session is open');
    await clock.advance(LIMITS.tlsHandshakeMaxMs);
    await client.closed;
    expect(await box.refusals()).toEqual(['intake.tls-timeout']);
  });
});

test('offers by profile and by address what the device may use', async () => {
  const profiles = loadCatalogue([
    {
      path: 'acme/login-only/profile.json',
      json: {
        ...{ id: 'acme/login-only', title: 'Login only', status: 'stub' },
        evidence: [
          { field: 'smtp.advertise.auth', grade: 'measured', source: 'this test', date: '2026-11-24' },
        ],
        smtp: { advertise: { auth: ['LOGIN'] } },
      },
    },
  ]);
  box = await startBox({
    ...{ listeners: [{ tls: 'starttls' }], profiles },
    devices: [
      {
        id: 'one',
        address: '127.0.0.2',
        profile: 'acme/login-only',
        login: { user: 'one', password: 'secret' },
      },
    ],
  });
  const one = await connectPlain(box.port(), { from: '127.0.0.2' });
  await one.reply();
  expect(await one.say('EHLO one')).toContain('\n250 AUTH LOGIN');
  expect(await one.say('AUTH PLAIN')).toBe('504 5.5.4 This way of signing in is not offered here.');
  const other = await connectPlain(box.port(), { from: '127.0.0.3' });
  await other.reply();
  expect(await other.say('EHLO other')).toContain('\n250 AUTH PLAIN LOGIN CRAM-MD5');
});

/** Every quirk of the table over a raw socket: tolerated where the network is trusted, strict elsewhere. */
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { loadCatalogue } from '../../src/profiles/load-catalogue.ts';
import { QUIRKS, type QuirkId, SWITCHED_QUIRKS } from '../../src/profiles/quirks.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { type Box, type BoxOptions, ENVELOPE, startBox, testAuthorityRoot } from './support/box.ts';
import { type Client, type ConnectOptions, connectImplicit, connectPlain, TLS10 } from './support/client.ts';
import { until } from './support/until.ts';

let box: Box;
afterEach(() => box.stop());

const OK = /^250 2\.6\.0 Message accepted as [0-9a-z]{16}$/;
const SCAN = 'Subject: scan\r\n\r\npages';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const LOGIN = { user: 'copier', password: 'Ab1Cd2Ef3Gh4' };
const withLogin = { devices: [{ id: 'copier', address: '127.0.0.1', login: LOGIN }] };

/** A box, and a device that has read the banner. */
async function meet(options: BoxOptions = {}, from?: ConnectOptions): Promise<Client> {
  box = await startBox(options);
  const client = await connectPlain(box.port(), from);
  expect(await client.reply()).toMatch(/^220 /);
  return client;
}

async function sendScan(
  client: Client,
  lines: readonly string[] = ['EHLO copier', ...ENVELOPE],
): Promise<void> {
  for (const line of lines) expect(await client.say(line), line).toMatch(/^250/);
  expect(await client.data(SCAN)).toMatch(OK);
}

const message = (index = 0) => box.spool.messages[index]?.message;

/** Nothing that health or a person would be told of. */
async function expectNoTrouble(): Promise<void> {
  expect(await box.refusals()).toEqual([]);
  expect(box.log.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
}

/**
 * Says hello in SSL 2.0 framing, as a device of TLS 1.0 that knows AES128-SHA alone (RFC 5246 appendix E.2), and
 * returns the types of the handshake messages that the box answers with.
 */
async function serverFlight(client: Client): Promise<number[]> {
  const specs = Buffer.from([0x00, 0x00, 0x2f]);
  const hello = Buffer.concat([
    Buffer.from([1, 3, 1, 0, specs.length, 0, 0, 0, 16]),
    specs,
    Buffer.alloc(16, 7),
  ]);
  let flight: Buffer = Buffer.alloc(0);
  client.socket.on('data', (bytes: Buffer) => {
    flight = Buffer.concat([flight, bytes]);
  });
  client.write(Buffer.concat([Buffer.from([0x80, hello.length]), hello]));
  let types: number[] = [];
  await until(() => {
    types = handshakeTypes(flight);
    return types.includes(14) || (flight[0] !== undefined && flight[0] !== 0x16);
  }, 'the box has answered the hello');
  client.destroy();
  return types;
}

/** Types of the whole handshake messages in TLS 1.0 records. */
function handshakeTypes(records: Buffer): number[] {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= records.length; at += 5 + records.readUInt16BE(at + 3)) {
    if (records[at] !== 0x16 || records.readUInt16BE(at + 1) !== 0x0301) return [];
    parts.push(records.subarray(at + 5, at + 5 + records.readUInt16BE(at + 3)));
  }
  const messages = Buffer.concat(parts);
  const types: number[] = [];
  for (let at = 0; at + 4 <= messages.length; at += 4 + messages.readUIntBE(at + 1, 3))
    types.push(messages.readUInt8(at));
  return types;
}

/** About a server of the device itself: it never comes up on a connection to the box. */
type OffTheWire = 'receives-mail';

const CASES: Record<Exclude<QuirkId, OffTheWire>, () => Promise<void>> = {
  async 'tls-hello-first'() {
    box = await startBox({ listeners: [{ tls: 'auto' }] });
    const client = await connectImplicit(box.port());
    await client.reply();
    await sendScan(client);
  },
  async 'ssl2-hello'() {
    box = await startBox({ listeners: [{ tls: 'auto' }] });
    expect(await serverFlight(await connectPlain(box.port()))).toEqual([2, 11, 14]);
  },
  async 'greeting-empty'() {
    const client = await meet();
    await sendScan(client, ['EHLO', ...ENVELOPE]);
    await sendScan(client, ['HELO ', ...ENVELOPE]);
    expect(message()?.device.greeting).toBeNull();
    expect(box.spool.messages[0]?.body.toString()).toMatch(/^Received: from \[127\.0\.0\.1\] /);
  },
  async 'helo-only'() {
    const client = await meet(withLogin);
    await sendScan(client, ['HELO [192.168.1.21]', ...ENVELOPE]);
    expect(message()).toMatchObject({ device: { id: 'copier', login: null, greeting: '[192.168.1.21]' } });
  },
  async 'greeting-odd'() {
    const client = await meet();
    const greetings = [
      'MFP 2nd floor',
      'NPIF65E56',
      'XC-B8C463',
      '[192.168.1.21]',
      '[IPv6:fe80::1]',
      'K_1',
      '-',
    ];
    for (const greeting of greetings) await sendScan(client, [`EHLO ${greeting}`, ...ENVELOPE]);
    expect(box.spool.messages.map((kept) => kept.message.device.greeting)).toEqual(greetings);
  },
  async 'path-bare'() {
    const client = await meet();
    await sendScan(client, ['EHLO c', 'MAIL FROM:scanner@contoso.com SIZE=100', 'RCPT TO:anna@contoso.com']);
    expect(message()).toMatchObject({ sender: 'scanner@contoso.com', recipients: ['anna@contoso.com'] });
    expect(message()?.repairs).not.toContain('sender-completed');
    // A name before the address is no address.
    for (const line of ['MAIL FROM:Copier <scanner@contoso.com>', 'MAIL FROM:s@contoso.com <x>'])
      expect(await client.say(line), line).toMatch(/^501 5\.1\.7 /);
    await sendScan(client, [
      'MAIL FROM:s@contoso.com  AUTH=<> SIZE=1 ',
      'RCPT TO:anna@contoso.com NOTIFY=NEVER',
    ]);
    expect(message(1)).toMatchObject({ sender: 's@contoso.com', recipients: ['anna@contoso.com'] });
  },
  async 'local-part-dot'() {
    const client = await meet();
    await sendScan(client, ['EHLO c', 'MAIL FROM:<ilo.@contoso.com>', 'RCPT TO:<.anna.b@contoso.com>']);
    expect(message()).toMatchObject({ sender: '"ilo."@contoso.com', recipients: ['".anna.b"@contoso.com'] });
    expect(message()?.repairs).toContain('address-quoted');
  },
  async 'path-spaces'() {
    const client = await meet();
    for (const [mail, rcpt] of [
      ['MAIL FROM: <s@contoso.com>', 'RCPT TO: <a@contoso.com>'],
      ['mail  from :< s@contoso.com > SIZE=1', 'rcpt \t to\t:\t<a@contoso.com>  '],
      ['MAIL FROM: s@contoso.com', 'RCPT TO: a@contoso.com'],
      ['MAIL FROM: <>', 'RCPT TO:<a@contoso.com >'],
    ] as const) {
      await sendScan(client, ['EHLO c', mail, rcpt]);
      const kept = box.spool.messages.at(-1)?.message;
      expect(kept?.recipients, rcpt).toEqual(['a@contoso.com']);
      expect(kept?.sender, mail).toBe(mail.includes('<>') ? '' : 's@contoso.com');
    }
  },
  async 'login-prompts'() {
    const client = await meet(withLogin);
    await client.say('EHLO c');
    expect(await client.say('AUTH LOGIN')).toBe(`334 ${base64('Username:')}`);
    expect(await client.say(base64(LOGIN.user))).toBe(`334 ${base64('Password:')}`);
    expect(await client.say(base64(LOGIN.password))).toMatch(/^235 /);
  },
  async 'strongest-mechanism'() {
    const client = await meet(withLogin);
    const offered = /AUTH (.*)/.exec(await client.say('EHLO c'))?.[1];
    expect(offered).toBe('PLAIN LOGIN CRAM-MD5');
    expect(await client.say('AUTH NTLM TlRMTVNTUAABAAAA')).toMatch(/^504 /);
  },
  async 'cram-md5'() {
    const client = await meet(withLogin);
    await client.say('EHLO c');
    expect(await client.say('AUTH CRAM-MD5')).toMatch(/^334 /);
    expect(await client.say(base64(`${LOGIN.user} 00`))).toMatch(/^535 /);
  },
  async 'no-sign-in'() {
    const client = await meet({ ...withLogin, listeners: [{ tls: 'starttls' }] });
    await sendScan(client);
    expect(message()).toMatchObject({ device: { login: null, tls: null } });
  },
  async 'quit-early'() {
    const client = await meet({
      ...withLogin,
      listeners: [{ tls: 'auto' }, { tls: 'implicit' }, { tls: 'none' }],
    });
    await client.say('EHLO c');
    expect(await client.say(`AUTH PLAIN ${base64(`\0${LOGIN.user}\0${LOGIN.password}`)}`)).toMatch(/^235 /);
    expect(await client.say('QUIT')).toMatch(/^221 /);
    for (const index of [0, 1, 2]) {
      for (const leave of ['end', 'destroy'] as const) {
        const probe = connect({ host: '127.0.0.1', port: box.port(index) });
        await new Promise<void>((resolve) => probe.once('connect', () => resolve()));
        probe[leave]();
        probe.resume();
        await new Promise<void>((resolve) => probe.once('close', () => resolve()));
      }
    }
    const quick = await connectPlain(box.port(2));
    quick.write('QUIT\r\n');
    await quick.reply();
    expect(await quick.reply()).toMatch(/^221 /);
    await box.intake.stop();
    await expectNoTrouble();
  },
  async 'fields-missing'() {
    const client = await meet();
    await sendScan(client);
    expect(message()?.repairs).toEqual(['date', 'from', 'to', 'message-id']);
    const accepted = (await box.spool.events()).find(({ type }) => type === 'message.accepted');
    expect(accepted?.data).toMatchObject({ repairs: ['date', 'from', 'to', 'message-id'] });
  },
  async 'sender-incomplete'() {
    const client = await meet();
    const senders = {
      scanner: 'scanner@scanferry.local',
      'scan@192.168.1.21': 'scan@[192.168.1.21]',
      'scan@fe80::1': 'scan@[IPv6:fe80::1]',
      'scan@COPIER_2F': 'scan@scanferry.local',
      'scan@': 'scan@scanferry.local',
      'scan@contoso.com..': 'scan@scanferry.local',
      'npif65e56@npif65e56': 'npif65e56@npif65e56',
      'scan@[192.168.1.21]': 'scan@[192.168.1.21]',
    };
    for (const [given, kept] of Object.entries(senders)) {
      await sendScan(client, ['EHLO c', `MAIL FROM:<${given}>`, ENVELOPE[1]]);
      const stored = box.spool.messages.at(-1);
      expect(stored?.message.sender).toBe(kept);
      expect(stored?.message.repairs?.includes('sender-completed')).toBe(given !== kept);
      expect(stored?.body.toString()).toContain(`\r\nFrom: <${kept}>\r\n`);
    }
  },
  async 'recipient-literal'() {
    const client = await meet();
    await sendScan(client, ['EHLO ups', ENVELOPE[0], 'RCPT TO:<it@[192.0.2.1]>']);
    expect(message()?.recipients).toEqual(['it@[192.0.2.1]']);
  },
  async 'split-scan'() {
    const client = await meet();
    const part = (n: number) =>
      `Date: x\r\nFrom: a@b\r\nTo: c@d\r\nMessage-ID: <${n}@c>\r\nMIME-Version: 1.0\r\n` +
      `Content-Type: message/partial; id="j@c"; number=${n}; total=3\r\n\r\nContent-Type: image/tiff\r\n\r\n${n}\r\n`;
    for (const n of [1, 2, 3]) {
      for (const line of ['EHLO c', ...ENVELOPE]) await client.say(line);
      expect(await client.data(part(n).trimEnd())).toMatch(OK);
    }
    for (const [index, { body, message: kept }] of box.spool.messages.entries()) {
      expect(body.toString().endsWith(part(index + 1))).toBe(true);
      expect(kept.repairs).toEqual([]);
    }
  },
  async 'short-patience'() {
    const client = await meet();
    await client.say('EHLO ups');
    const startedAt = performance.now();
    for (const line of ENVELOPE) await client.say(line);
    expect(await client.data(`Subject: x\r\n\r\n${`${'QUJD'.repeat(19)}\r\n`.repeat(65_000)}`)).toMatch(OK);
    // 5 MB; an APC card gives up after 20 s.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  },
  async 'data-stalled'() {
    const client = await meet({ clock: createFakeClock() });
    const clock = box.clock as FakeClock;
    for (const line of ['EHLO c', ...ENVELOPE, 'DATA']) await client.say(line);
    const pages = `${'QUJD'.repeat(19)}\r\n`.repeat(1000);
    client.write(`Subject: scan\r\n\r\n${pages}`);
    await until(() => box.spool.opened === 1, 'the body comes in');
    const other = await connectPlain(box.port(), { from: '127.0.0.2' });
    await other.reply();
    await other.say('NOOP');
    await clock.advance(LIMITS.dataIdleMaxMs);
    expect(await client.reply()).toMatch(/^421 4\.4\.2 /);
    await until(() => box.log.lines.some(({ event }) => event === 'session.unfinished'), 'it is told');
    expect(message()?.held).toEqual({
      code: 'intake.unfinished',
      cause: 'The device went silent before the end of this message; a part may be missing.',
    });
    const kept = box.spool.messages[0]?.body.toString() ?? '';
    expect(kept.slice(kept.indexOf('\r\n\r\n') + 4)).toBe(pages);
    const unfinished = (await box.spool.events()).find(({ type }) => type === 'session.unfinished');
    expect(unfinished?.data).toMatchObject({
      ...{ message: message()?.id, address: '127.0.0.1', sender: 'scanner@contoso.com', recipients: 1 },
      ...{ listener: `127.0.0.1:${box.port()}`, code: 'intake.data-timeout' },
    });
    const shown = await box.spool.spool.show(message()?.id ?? '');
    expect(shown?.recipients.map(({ state, code }) => [state, code])).toEqual([
      ['held', 'intake.unfinished'],
    ]);
    expect(await box.spool.spool.claimDue(clock.now(), { kind: 'all' }, 10)).toEqual([]);
  },
  async 'short-passwords'() {
    for (const password of ['Ab1x', 'Ab1Cd2Ef3Gh4Ij5K']) {
      const client = await meet({ devices: [{ id: 'c', login: { user: 'c', password } }] });
      await client.say('EHLO c');
      expect(await client.say(`AUTH PLAIN ${base64(`\0c\0${password}`)}`)).toMatch(/^235 /);
      await box.stop();
    }
    box = await startBox();
  },
  async 'numeric-server'() {
    box = await startBox({ listeners: [{ tls: 'implicit' }] });
    const verified = { rejectUnauthorized: true, ca: await testAuthorityRoot(), host: '127.0.0.1' };
    const client = await connectImplicit(box.port(), verified);
    await client.reply();
    await sendScan(client);
  },
  async 'root-needed'() {
    box = await startBox({ listeners: [{ tls: 'implicit' }] });
    const verified = { rejectUnauthorized: true, servername: 'scanferry.local' };
    await expect(connectImplicit(box.port(), verified)).rejects.toThrow();
    const client = await connectImplicit(box.port(), { ...verified, ca: await testAuthorityRoot() });
    await client.reply();
    await sendScan(client);
  },
  async 'client-certificate'() {
    box = await startBox({ listeners: [{ tls: 'implicit' }] });
    // Server hello, certificate, done: no certificate request (13) among them (RFC 5246 7.4).
    expect(await serverFlight(await connectPlain(box.port()))).toEqual([2, 11, 14]);
  },
  async 'rsa-key-exchange'() {
    box = await startBox({ listeners: [{ tls: 'starttls' }] });
    for (const options of [{ maxVersion: 'TLSv1.2' as const, ciphers: 'AES128-GCM-SHA256' }, TLS10]) {
      const plain = await connectPlain(box.port());
      await plain.reply();
      await plain.say('EHLO ricoh');
      await sendScan(await plain.startTls(options));
    }
    expect(box.spool.messages.map((kept) => kept.message.device.tls?.cipher)).toEqual([
      'AES128-GCM-SHA256',
      'AES128-SHA',
    ]);
  },
  async 'pop-before-smtp'() {
    const client = await meet(withLogin);
    await sendScan(client, ['HELO xerox', ...ENVELOPE]);
    expect(message()?.device.id).toBe('copier');
  },
  async 'password-characters'() {
    const password = '~"Ab ü';
    const client = await meet({ devices: [{ id: 'c', login: { user: 'c', password } }] });
    await client.say('EHLO c');
    expect(await client.say(`AUTH PLAIN ${base64(`\0c\0${password}`)}`)).toMatch(/^235 /);
  },
  async bursts() {
    box = await startBox();
    const sessions = Array.from({ length: 15 }, async () => {
      const client = await connectPlain(box.port());
      await client.reply();
      await sendScan(client);
      await client.say('QUIT');
    });
    await Promise.all(sessions);
    expect(box.spool.messages).toHaveLength(15);
    await expectNoTrouble();
  },
  async 'bare-line-ends'() {
    const client = await meet();
    for (const line of ['EHLO c', ...ENVELOPE]) await client.say(line);
    await client.say('DATA');
    client.write('Subject: unix\nTo: a@b\n\npage one\rpage two\n.\n..\nend\r\n.\r\n');
    expect(await client.reply()).toMatch(OK);
    const kept = box.spool.messages[0]?.body.toString() ?? '';
    // A dot at the start of a line is unstuffed as RFC 5321 4.5.2 says; smtp-server does so behind a bare LF too.
    expect(kept.slice(kept.indexOf('Subject:'))).toBe(
      'Subject: unix\r\nTo: a@b\r\n\r\npage one\r\npage two\r\n.\r\n.\r\nend\r\n',
    );
    expect(message()?.repairs).toContain('line-ends');
  },
  async 'second-mail'() {
    const client = await meet();
    await client.say('EHLO c');
    await client.say(ENVELOPE[0]);
    expect(await client.say('MAIL FROM:<other@contoso.com>')).toBe(
      '503 5.5.1 A message is under way already.',
    );
    await client.say(ENVELOPE[1]);
    expect(await client.data(SCAN)).toMatch(OK);
    expect(message()?.sender).toBe('scanner@contoso.com');
  },
  async 'early-commands'() {
    box = await startBox();
    const client = await connectPlain(box.port());
    client.write(
      ['HELO', 'RCPT TO:<x@contoso.com>', ...ENVELOPE, 'DATA', 'Subject: a', '', 'b', '.', 'QUIT', ''].join(
        '\r\n',
      ),
    );
    const codes: string[] = [];
    for (let reply = await client.reply(); reply !== ''; reply = await client.reply())
      codes.push(reply.slice(0, 3));
    expect(codes).toEqual(['220', '250', '503', '250', '250', '354', '250', '221']);
  },
  async 'domain-dot'() {
    const client = await meet({ settings: { senders: ['contoso.com'], recipients: ['contoso.com'] } });
    await sendScan(client, [
      ...['EHLO c', 'MAIL FROM:<scanner@contoso.com.> SIZE=100', 'RCPT TO:<desk@contoso.com.>'],
      ...['RCPT TO:<desk@contoso.com>', 'RCPT TO: bob.@CONTOSO.COM. ', 'RCPT TO:<"a.b."@contoso.com.>'],
    ]);
    expect(message()).toMatchObject({
      sender: 'scanner@contoso.com',
      recipients: ['desk@contoso.com', '"bob."@CONTOSO.COM', '"a.b."@contoso.com'],
      repairs: ['address-dot', 'address-quoted', 'date', 'from', 'to', 'message-id'],
    });
    for (const line of ENVELOPE) await client.say(line);
    const fields = 'From: <scanner@contoso.com.>\r\nTo: desk@contoso.com.\r\n';
    expect(await client.data(`${fields}${SCAN}`)).toMatch(OK);
    expect(box.spool.messages[1]?.body.toString()).toContain(fields);
    await client.say(ENVELOPE[0]);
    expect(await client.say('RCPT TO:<desk@fabrikam.com.>')).toMatch(/^550 5\.7\.1 /);
    for (const domain of ['.', '..', 'contoso.com..', '.contoso.com.', 'con..toso.com.', '[192.0.2.1].'])
      expect(await client.say(`RCPT TO:<desk@${domain}>`), domain).toMatch(/^501 5\.1\.3 /);
  },
  async 'line-end-doubled'() {
    const client = await meet(withLogin);
    const auth = `AUTH PLAIN ${base64(`\0${LOGIN.user}\0${LOGIN.password}`)}`;
    const codes: string[] = [];
    for (const line of ['NOOP', 'EHLO c', auth, 'RSET', ...ENVELOPE, 'DATA\r'])
      codes.push((await client.say(`${line}\r`)).slice(0, 3));
    expect(codes).toEqual(['250', '250', '235', '250', '250', '250', '354']);
    client.write(`${SCAN}\r\n.\r\n`);
    expect(await client.reply()).toMatch(OK);
    expect(message()?.device.greeting).toBe('c');
  },
  async 'login-inline'() {
    const client = await meet(withLogin);
    await client.say('EHLO c');
    expect(await client.say(`AUTH LOGIN ${base64(LOGIN.user)}`)).toBe(`334 ${base64('Password:')}`);
    expect(await client.say(base64(LOGIN.password))).toMatch(/^235 /);
  },
  async 'idle-commands'() {
    const client = await meet();
    for (const [line, code] of [
      ['NOOP', '250'],
      ['RSET', '250'],
      ['HELP', '214'],
      ['EHLO c', '250'],
      ['NOOP are you there', '250'],
      ['VRFY anna', '252'],
      ['HELP MAIL', '214'],
      [ENVELOPE[0], '250'],
      ['NOOP', '250'],
      ['RSET', '250'],
    ] as const) {
      expect((await client.say(line)).slice(0, 3), line).toBe(code);
    }
    await sendScan(client);
    await expectNoTrouble();
  },
};

describe('tolerated in a trusted network', () => {
  test.each(Object.entries(CASES))('%s', (_id, run) => run());

  test('long pauses within the limits', async () => {
    const client = await meet({ clock: createFakeClock() });
    const clock = box.clock as FakeClock;
    for (const line of ['EHLO c', ...ENVELOPE, 'DATA']) {
      await clock.advance(LIMITS.commandIdleMaxMs - 1);
      expect(await client.say(line)).toMatch(/^(250|354)/);
    }
    client.write(`Subject: slow\r\n\r\n${'x'.repeat(70_000)}`);
    await until(() => box.spool.opened === 1, 'the first page comes in');
    await clock.advance(LIMITS.dataIdleMaxMs - 60_000);
    client.write('\r\n.\r\n');
    expect(await client.reply()).toMatch(OK);
  });
});

/** A line with the quirk, and what a stranger reads. */
const STRICT: Partial<Record<QuirkId, { lines: string[]; reply: RegExp }>> = {
  'greeting-empty': { lines: ['HELO'], reply: /^501 / },
  'greeting-odd': { lines: ['EHLO MFP 2nd floor'], reply: /^501 / },
  'path-bare': { lines: ['EHLO c', 'MAIL FROM:s@contoso.com'], reply: /^501 5\.1\.7 / },
  'path-spaces': { lines: ['EHLO c', 'MAIL  FROM:<s@contoso.com>'], reply: /^501 5\.1\.7 / },
  'local-part-dot': { lines: ['EHLO c', 'MAIL FROM:<s.@contoso.com>'], reply: /^501 5\.1\.7 / },
  'domain-dot': { lines: ['EHLO c', 'MAIL FROM:<s@contoso.com.>'], reply: /^501 5\.1\.7 / },
  'sender-incomplete': { lines: ['EHLO c', 'MAIL FROM:<scanner>'], reply: /^501 5\.1\.7 / },
  'line-end-doubled': { lines: ['EHLO c', 'NOOP\r'], reply: /^501 5\.5\.2 / },
};

describe('outside the trusted networks', () => {
  const away = {
    settings: { trustedNetworks: ['192.0.2.0/24'] },
    listeners: [{ tls: 'implicit' as const }],
    devices: [{ id: 'away', profile: 'acme/away', login: LOGIN }],
  };
  const catalogue = (quirks: string[]) =>
    loadCatalogue([
      {
        path: 'acme/away/profile.json',
        json: {
          ...{ id: 'acme/away', title: 'Away', status: 'stub', smtp: { quirks } },
          evidence: [{ field: 'smtp.quirks', grade: 'measured', source: 'this test', date: '2026-11-24' }],
        },
      },
    ]);

  test('every switched quirk has a row here', () => {
    expect(Object.keys(STRICT).toSorted()).toEqual([...SWITCHED_QUIRKS].toSorted());
  });

  test.each(Object.entries(STRICT))('%s is refused', async (_id, { lines, reply }) => {
    box = await startBox({ ...away, profiles: catalogue(['bursts']) });
    const client = await connectImplicit(box.port());
    await client.reply();
    let last = '';
    for (const line of lines) last = await client.say(line);
    expect(last).toMatch(reply);
  });

  test('a sender with a dot behind its domain keeps the domain where only incomplete senders are tolerated', async () => {
    box = await startBox({ ...away, profiles: catalogue(['sender-incomplete']) });
    const client = await connectImplicit(box.port());
    await client.reply();
    await client.say('EHLO away');
    await client.say(`AUTH PLAIN ${base64(`\0${LOGIN.user}\0${LOGIN.password}`)}`);
    expect(await client.say('MAIL FROM:<s@contoso.com.>')).toMatch(/^250/);
    expect(await client.say('RCPT TO:<anna@contoso.com.>')).toMatch(/^501 5\.1\.3 /);
    await sendScan(client, ['RCPT TO:<anna@contoso.com>']);
    expect(message()).toMatchObject({ sender: 's@contoso.com', recipients: ['anna@contoso.com'] });
  });

  test('a device that has signed in is tolerated as its profile says, and no further', async () => {
    box = await startBox({ ...away, profiles: catalogue(['path-bare', 'sender-incomplete']) });
    const client = await connectImplicit(box.port());
    await client.reply();
    await client.say('EHLO away');
    const signIn = `AUTH PLAIN ${base64(`\0${LOGIN.user}\0${LOGIN.password}`)}`;
    expect(await client.say(signIn)).toMatch(/^235 /);
    expect(await client.say('MAIL FROM:<s.@contoso.com>')).toMatch(/^501 5\.1\.7 /);
    await sendScan(client, ['MAIL FROM:scanner', 'RCPT TO:anna@contoso.com']);
    expect(message()?.sender).toBe('scanner@scanferry.local');
  });
});

describe('an unfinished message', () => {
  test('is not kept when the device closes the connection, because it knows then', async () => {
    const client = await meet();
    for (const line of ['EHLO c', ...ENVELOPE, 'DATA']) await client.say(line);
    client.write(`Subject: scan\r\n\r\n${'x'.repeat(70_000)}`);
    await until(() => box.spool.opened === 1, 'the body comes in');
    client.socket.end();
    await until(() => box.spool.aborted === 1, 'it is dropped');
    expect(box.spool.messages).toEqual([]);
  });

  test('is told but not kept when the spool has no room for it', async () => {
    const client = await meet({ clock: createFakeClock() });
    for (const line of ['EHLO c', ...ENVELOPE, 'DATA']) await client.say(line);
    client.write(`Subject: scan\r\n\r\n${'x'.repeat(70_000)}`);
    await until(() => box.spool.opened === 1, 'the body comes in');
    box.spool.fail('commit', new Error('told by the test'));
    await (box.clock as FakeClock).advance(LIMITS.dataIdleMaxMs);
    await until(() => box.log.lines.some(({ event }) => event === 'session.unfinished'), 'it is told');
    const told = (await box.spool.events()).find(({ type }) => type === 'session.unfinished');
    expect(told?.data).toMatchObject({ message: null });
    expect(box.spool.messages).toEqual([]);
  });
});

test('every number of the list of evidence from 1 to 29 is in the table once', () => {
  const numbers = Object.values(QUIRKS).flatMap(({ number }) => (number === null ? [] : [number]));
  expect(numbers).toEqual(Array.from({ length: 29 }, (_, i) => i + 1));
});

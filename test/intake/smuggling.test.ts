/**
 * Smuggling and injection: nothing but CRLF.CRLF ends a message, and no field carries a second line. The sequences
 * are those of CVE-2023-51764 (Postfix), 51765 (sendmail) and 51766 (Exim) and of the tools that try them, with
 * every mix of CR, LF, NUL and a blank around the dot that is no line of one dot.
 */
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createSystemClock } from '../../src/core/clock.ts';
import { createSandbox, type Sandbox, type SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { type Box, ENVELOPE, startBox } from './support/box.ts';
import { type Client, closeClients, connectPlain } from './support/client.ts';

const OK = /^250 2\.6\.0 Message accepted/;
const EVIL =
  'MAIL FROM:<ceo@contoso.com>\r\nRCPT TO:<victim@contoso.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil';

/** Line ends that are none, or not alone; with the plain one on one side of the dot at most. */
const LINE_ENDS = ['\r\n', '\n', '\r', '\r\r\n', '\n\r', '\n\n', '\r\n\0', '\0\r\n', '\r\0\n', '\r\n '];

/** Everything around a dot that looks like an end of DATA and does not hold one. */
const SEQUENCES = [
  ...LINE_ENDS.flatMap((before) => LINE_ENDS.map((after) => `${before}.${after}`)),
  ...[
    '\r\n.\0\r\n',
    '\r\n\0.\r\n',
    '\r\n.\t\r\n',
    '\r\n..\r\n',
    '\x85.\x85',
    '\r\n\x2e\x85',
    '\v.\v',
    '\f.\f',
  ],
  ...['\r\n.\r\r\n', '\r\n.\r\n'.replace('\r\n.', '\n\r\n\r.'), '\r\n.\n\r\n'],
].filter((sequence) => !sequence.includes('\r\n.\r\n'));

/** What is stored never has a line end but CRLF, and no NUL. */
function expectCleanLines(body: Buffer): void {
  expect(body.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/);
}

describe('inward', () => {
  let box: Box;
  let client: Client;
  beforeAll(async () => {
    box = await startBox();
    client = await connectPlain(box.port());
    await client.reply();
    await client.say('EHLO smuggler');
  });
  afterAll(() => box.stop());

  async function deliver(bytes: string, inPieces: boolean): Promise<Buffer> {
    for (const line of ENVELOPE) expect(await client.say(line)).toMatch(/^250 /);
    expect(await client.say('DATA')).toMatch(/^354 /);
    client.socket.setNoDelay(true);
    for (const piece of inPieces ? bytes.split(/(?<=[\r\n\0.])/) : [bytes]) {
      client.write(Buffer.from(piece, 'latin1'));
      if (inPieces) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await client.reply()).toMatch(OK);
    // One message, one reply: the next reply belongs to the next command.
    expect(await client.say('VRFY x')).toMatch(/^252 /);
    const kept = box.spool.messages.splice(0);
    expect(kept).toHaveLength(1);
    expect(kept[0]?.message).toMatchObject({
      recipients: ['anna@contoso.com'],
      sender: 'scanner@contoso.com',
    });
    return kept[0]?.body ?? Buffer.alloc(0);
  }

  test.each(SEQUENCES.map((sequence) => [JSON.stringify(sequence), sequence]))(
    '%s does not end DATA',
    async (_name, sequence) => {
      const text = `Subject: a\r\n\r\nfirst${sequence}${EVIL}\r\n.\r\n`;
      for (const inPieces of [false, true]) {
        const body = await deliver(text, inPieces);
        expectCleanLines(body);
        expect(body.toString('latin1')).toContain('MAIL FROM:<ceo@contoso.com>');
        expect(body.toString('latin1').endsWith('\r\nevil\r\n')).toBe(true);
      }
    },
  );

  test.each(SEQUENCES.map((sequence) => [JSON.stringify(sequence), sequence]))(
    '%s in the header does not end DATA',
    async (_name, sequence) => {
      const body = await deliver(`Subject: a${sequence}${EVIL}\r\n.\r\n`, false);
      expectCleanLines(body);
      expect(body.toString('latin1')).toContain('victim@contoso.com');
    },
  );
});

describe('a control character', () => {
  let box: Box;
  afterEach(() => box.stop());

  async function greeted(): Promise<Client> {
    box = await startBox({ devices: [{ id: 'c', login: { user: 'c', password: 'x' } }] });
    const client = await connectPlain(box.port());
    await client.reply();
    await client.say('EHLO c');
    return client;
  }

  test.each([
    ['HELO', ['EHLO a\rMAIL FROM:<x@contoso.com>']],
    ['HELO with NUL', ['HELO a\0b']],
    ['the sender', ['MAIL FROM:<a\rRCPT TO:<x@contoso.com>@contoso.com>']],
    ['a bare sender', ['MAIL FROM:a\0@contoso.com']],
    ['a parameter of MAIL', ['MAIL FROM:<a@contoso.com> SIZE=1\rX']],
    ['the recipient', [ENVELOPE[0], 'RCPT TO:<a\r@contoso.com>']],
    ['a parameter of RCPT', [ENVELOPE[0], 'RCPT TO:<a@contoso.com> ORCPT=rfc822;a\0']],
    ['the mechanism', ['AUTH LOGIN\rNOOP']],
    ['a nonsense command', ['\x1b[31mRED']],
  ])('in %s is refused, and the line is one command', async (_name, lines) => {
    const client = await greeted();
    let last = '';
    for (const line of lines) last = await client.say(line);
    expect(last).toBe('501 5.5.2 The command holds a control character.');
    expect(await client.say('NOOP')).toBe('250 2.0.0 OK');
    expect(await box.refusals()).toEqual(['intake.control-character']);
  });

  test('that comes encoded in a parameter is refused as well', async () => {
    const client = await greeted();
    expect(await client.say('MAIL FROM:<a@contoso.com> ENVID=a+0D+0ARCPT')).toMatch(/^501 /);
  });

  test.each(['c\r\nX-Injected: 1', 'c\0', 'c\n'])('in the user name %j signs nobody in', async (user) => {
    const client = await greeted();
    const encoded = Buffer.from(`\0${user}\0x`).toString('base64');
    expect(await client.say(`AUTH PLAIN ${encoded}`)).toMatch(/^5\d\d /);
    await client.say('AUTH LOGIN');
    const answer = await client.say(Buffer.from(user).toString('base64'));
    expect(answer.startsWith('334') ? await client.say('eA==') : answer).toMatch(/^5\d\d /);
    expect(JSON.stringify(box.log.lines)).not.toContain('X-Injected');
    expect(JSON.stringify(await box.spool.events())).not.toContain('X-Injected');
  });

  test('a greeting never becomes a header line', async () => {
    const client = await greeted();
    await client.say('EHLO copier X-Injected: 1 (comment) <b>');
    for (const line of ENVELOPE) await client.say(line);
    expect(await client.data('Subject: a\r\n\r\nb')).toMatch(OK);
    const header = box.spool.messages[0]?.body.toString().split('\r\n\r\n')[0];
    expect(header).not.toContain('X-Injected');
  });
});

describe('STARTTLS', () => {
  let box: Box;
  afterEach(() => box.stop());

  // CVE-2011-0411 and CVE-2021-38371: commands behind STARTTLS in the same packet.
  test.each([
    ['a whole dialogue', `EHLO x\r\n${ENVELOPE.join('\r\n')}\r\nDATA\r\nSubject: x\r\n\r\ny\r\n.\r\n`],
    ['half a command', 'MAIL FROM:<evil@contoso.com>'],
    ['a lone line end', '\r\n'],
    ['a bare LF command', 'NOOP\nNOOP\n'],
  ])('drops %s that came behind it', async (_name, injected) => {
    box = await startBox({ listeners: [{ tls: 'starttls' }] });
    const client = await connectPlain(box.port());
    await client.reply();
    await client.say('EHLO c');
    client.write(`STARTTLS\r\n${injected}`);
    expect(await client.reply()).toMatch(/^220 /);
    client.socket.removeAllListeners('data');
    const secured = connectTls({ socket: client.socket, rejectUnauthorized: false });
    await new Promise((resolve, reject) => secured.once('secureConnect', resolve).once('error', reject));
    let heard = '';
    const answered = new Promise<void>((resolve) => {
      secured.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
        if (heard.includes('221')) resolve();
      });
    });
    secured.write('VRFY first\r\nQUIT\r\n');
    await answered;
    expect(heard.split('\r\n').map((line) => line.slice(0, 3))).toEqual(['252', '221', '']);
    expect(box.spool.messages).toEqual([]);
    secured.destroy();
  });
});

describe('outward', () => {
  let sandbox: Sandbox;
  let addresses: SandboxAddresses;
  let agent: TestAgent;
  beforeAll(async () => {
    sandbox = createSandbox({ clock: createSystemClock(0), log: createQuietLog() });
    addresses = await sandbox.start();
    const { mx, dns } = addresses;
    agent = await startTestAgent({
      yaml: `site: { id: smuggling }
dns: { servers: ['${dns.address}:${dns.port}'] }
intake: { listeners: [{ address: 127.0.0.1, port: 0, tls: none }], trustedNetworks: [127.0.0.0/8], unknownDevices: accept }
spool: { minFreeBytes: 0 }
routes: [{ id: direct, kind: direct-send, domain: ${mx.domain}, port: ${mx.port}, ca: ca.pem, limits: { messagesPerMinute: 100000 } }]
`,
      files: { 'ca.pem': addresses.caPem },
    });
  });
  afterAll(async () => {
    closeClients();
    await agent.stop();
    await sandbox.stop();
  });

  test('every sequence arrives inside one message, byte for byte as stored', async () => {
    const client = await connectPlain(agent.port());
    await client.reply();
    await client.say('EHLO smuggler');
    for (const [index, sequence] of SEQUENCES.entries()) {
      for (const line of [ENVELOPE[0], `RCPT TO:<r${index}@contoso.com>`, 'DATA']) await client.say(line);
      client.write(Buffer.from(`Subject: ${index}\r\n\r\nfirst${sequence}${EVIL}\r\n.\r\n`, 'latin1'));
      expect(await client.reply()).toMatch(OK);
    }
    await client.say('QUIT');
    const received = await sandbox.waitForMessages(SEQUENCES.length);
    await agent.settled(SEQUENCES.length);
    expect(sandbox.received()).toHaveLength(SEQUENCES.length);
    expect(received.flatMap(({ recipients }) => recipients).toSorted()).toEqual(
      SEQUENCES.map((_, index) => `r${index}@contoso.com`).toSorted(),
    );
    for (const { body, sender } of received) {
      expect(sender).toBe('scanner@contoso.com');
      expectCleanLines(body ?? Buffer.alloc(0));
      expect(body?.toString('latin1')).toMatch(
        /first[\s\S]*MAIL FROM:<ceo@contoso\.com>[\s\S]*\r\nevil\r\n$/,
      );
    }
  });
});

/** Messages on their way in: bytes, sizes, the order of things, and what happens when something fails. */
import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import { SpoolRefusal, type SpoolRefusalReason } from '../../src/spool/types.ts';
import { type Box, type BoxOptions, ENVELOPE, startBox } from './support/box.ts';
import { type Client, connectPlain } from './support/client.ts';
import { until } from './support/until.ts';

let box: Box;
afterEach(() => box.stop());

const COMPLETE = 'Date: Tue, 24 Nov 2026 08:00:00 +0000\r\nMessage-ID: <scan@copier>\r\n';
const OK = /^250 2\.6\.0 Message accepted as [0-9a-z]{16}$/;

async function ready(options: BoxOptions = {}): Promise<Client> {
  box = await startBox(options);
  const client = await connectPlain(box.port());
  await client.reply();
  await client.say('EHLO copier');
  return client;
}

async function envelope(client: Client): Promise<void> {
  for (const line of ENVELOPE) expect(await client.say(line)).toMatch(/^250 /);
}

/** The stored body without the Received field on top. */
function stored(index = 0): string {
  const body = box.spool.messages[index]?.body.toString('latin1') ?? '';
  return body.slice(body.indexOf(COMPLETE));
}

/** Buffer memory still in use after a garbage collection. */
function retainedBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().arrayBuffers;
}

describe('the body', () => {
  test.each([
    ['dots at line starts', '..leading\r\n....\r\n.. ', '.leading\r\n...\r\n. '],
    ['a first line of one dot', '..', '.'],
    ['eight bits', '\xff\xfe\x80\xe4', '\xff\xfe\x80\xe4'],
    ['a line of 998 characters', 'x'.repeat(998), 'x'.repeat(998)],
    ['nothing', '', ''],
  ])('arrives byte for byte with %s', async (_name, sent, kept) => {
    const client = await ready();
    await envelope(client);
    await client.say('DATA');
    client.write(Buffer.from(`${COMPLETE}\r\n${sent}\r\n.\r\n`, 'latin1'));
    expect(await client.reply()).toMatch(OK);
    expect(stored()).toBe(`${COMPLETE}\r\n${kept}\r\n`);
  });

  test('an empty message gets a header', async () => {
    const client = await ready();
    await envelope(client);
    await client.say('DATA');
    client.write('.\r\n');
    expect(await client.reply()).toMatch(OK);
    expect(box.spool.messages[0]?.body.toString()).toMatch(
      /^Received: from copier \(\[127\.0\.0\.1\]\)\r\n\tby scanferry\.local \(Scanferry\) with ESMTP id \w{16};\r\n\t.*\r\nDate: .*\r\nFrom: <scanner@contoso\.com>\r\nTo: undisclosed-recipients:;\r\nMessage-ID: <\w{16}@scanferry\.local>\r\n\r\n$/,
    );
  });

  test('the end of DATA is found however the network cuts it', async () => {
    const client = await ready();
    for (const pieces of [
      ['a\r\n.', '\r\n'],
      ['a\r', '\n.\r\n'],
      ['a\r\n', '.', '\r', '\n'],
    ]) {
      await envelope(client);
      await client.say('DATA');
      client.write(`${COMPLETE}\r\n`);
      for (const piece of pieces) {
        client.socket.setNoDelay(true);
        client.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await client.reply()).toMatch(OK);
    }
    expect(box.spool.messages.map((_, i) => stored(i))).toEqual(Array(3).fill(`${COMPLETE}\r\na\r\n`));
  });

  test('commands sent together with the final dot are obeyed in order', async () => {
    const client = await ready();
    await envelope(client);
    await client.say('DATA');
    client.write(`${COMPLETE}\r\na\r\n.\r\nMAIL FROM:<b@contoso.com>\r\nQUIT\r\n`);
    expect(await client.reply()).toMatch(OK);
    expect(await client.reply()).toBe('250 2.1.0 Accepted');
    expect(await client.reply()).toMatch(/^221 /);
  });

  test('a whole dialogue sent without waiting is served in order', async () => {
    box = await startBox();
    const client = await connectPlain(box.port());
    client.write(['EHLO early', ...ENVELOPE, 'DATA', COMPLETE, 'a', '.', 'QUIT', ''].join('\r\n'));
    const replies: string[] = [];
    for (let reply = await client.reply(); reply !== ''; reply = await client.reply())
      replies.push(reply.slice(0, 3));
    expect(replies).toEqual(['220', '250', '250', '250', '354', '250', '221']);
  });

  test('a device that closes its side after the final dot still gets its reply', async () => {
    const client = await ready();
    await envelope(client);
    await client.say('DATA');
    client.socket.end(`${COMPLETE}\r\na\r\n.\r\n`);
    expect(await client.reply()).toMatch(OK);
  });
});

test('the message carries what is known of the device', async () => {
  const client = await ready({
    devices: [{ id: 'copier-2f', address: '127.0.0.1', profile: 'generic/plain' }],
  });
  await envelope(client);
  const id = (await client.data(`${COMPLETE}\r\na`)).split(' ').at(-1);
  expect(box.spool.messages[0]?.message).toEqual({
    ...{
      id,
      receivedAt: expect.any(Number),
      sender: 'scanner@contoso.com',
      recipients: ['anna@contoso.com'],
    },
    ...{ messageIdHeader: '<scan@copier>', held: null, repairs: ['from', 'to'] },
    device: {
      ...{ id: 'copier-2f', address: '127.0.0.1', greeting: 'copier', login: null, profile: 'generic/plain' },
      ...{ listener: `127.0.0.1:${box.port()}`, tls: null },
    },
  });
});

test('mail of an unknown device is accepted and held', async () => {
  const client = await ready({ settings: { unknownDevices: 'hold' } });
  await envelope(client);
  expect(await client.data('a: b\r\n\r\nc')).toMatch(OK);
  expect(box.spool.messages[0]?.message.held?.code).toBe('intake.device-held');
});

test('the 250 comes only after the commit', async () => {
  const client = await ready();
  let release = () => {};
  box.spool.holdCommits = new Promise((resolve) => {
    release = resolve;
  });
  await envelope(client);
  await client.say('DATA');
  client.write(`${COMPLETE}\r\na\r\n.\r\n`);
  await until(() => box.spool.commitsAsked === 1, 'the commit is asked for');
  const before = client.socket.bytesRead;
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(client.socket.bytesRead).toBe(before);
  release();
  expect(await client.reply()).toMatch(OK);
});

describe('a fault of the spool', () => {
  const REASONS: [SpoolRefusalReason, string][] = [
    ['quota', '452 4.3.1 The memory of the box is full, please try again later.'],
    [
      'held-quota',
      '452 4.3.1 Too much mail waits for approval at the box, please ask your IT department to add this device.',
    ],
    ['disk-full', '452 4.3.1 The disk of the box is nearly full, please try again later.'],
    ['disk-error', '452 4.3.0 The box cannot store mail at the moment, please try again later.'],
    ['stopping', '421 4.3.2 The box is restarting, please try again in a minute.'],
  ];
  const STEPS = ['receive', 'write', 'commit'] as const;

  test.each(STEPS.flatMap((step) => REASONS.map(([reason, reply]) => [reason, step, reply] as const)))(
    '%s at %s is answered with a passing reply, and nothing is kept',
    async (reason, step, reply) => {
      const client = await ready();
      await envelope(client);
      box.spool.fail(step, new SpoolRefusal(reason, 'told by the test'));
      expect(await client.data(`${COMPLETE}\r\n${'x'.repeat(100_000)}`)).toBe(reply);
      expect(box.spool.messages).toEqual([]);
      expect(box.spool.aborted).toBe(step === 'receive' ? 0 : 1);
      expect(await box.refusals()).toHaveLength(1);
    },
  );

  test('a full spool says so by itself and takes what fits', async () => {
    const client = await ready({ spoolSettings: { maxBytes: 1024 * 1024 } });
    await envelope(client);
    expect(await client.data(`${COMPLETE}\r\n${'x'.repeat(2 * 1024 * 1024)}`)).toMatch(
      /^452 4\.3\.1 The memory/,
    );
    await envelope(client);
    expect(await client.data(`${COMPLETE}\r\nsmall`)).toMatch(OK);
  });

  test('held mail takes half of the spool at most, and known devices go on', async () => {
    const stranger = await ready({
      settings: { unknownDevices: 'hold' },
      devices: [{ id: 'known', address: '127.0.0.2' }],
      spoolSettings: { maxBytes: 1024 * 1024 },
    });
    const page = `${COMPLETE}\r\n${'x'.repeat(200_000)}`;
    const replies: string[] = [];
    for (let i = 0; i < 4; i++) {
      await envelope(stranger);
      replies.push((await stranger.data(page)).slice(0, 30));
    }
    expect(replies).toEqual([
      ...Array.from({ length: 2 }, () => expect.stringMatching(/^250 /)),
      ...Array.from({ length: 2 }, () => '452 4.3.1 Too much mail waits '),
    ]);
    expect(await box.refusals()).toEqual(['intake.held-full']);
    const known = await connectPlain(box.port(), { from: '127.0.0.2' });
    await known.reply();
    await known.say('EHLO known');
    await envelope(known);
    expect(await known.data(page)).toMatch(OK);
    await box.spool.spool.act('release', {}, 'cli');
    await envelope(stranger);
    expect(await stranger.data('a: b\r\n\r\nc')).toMatch(OK);
  });

  test('the next message goes through when the fault is over', async () => {
    const client = await ready();
    await envelope(client);
    box.spool.fail('commit', new SpoolRefusal('quota', 'told by the test'));
    expect(await client.data(`${COMPLETE}\r\na`)).toMatch(/^452 /);
    await envelope(client);
    expect(await client.data(`${COMPLETE}\r\na`)).toMatch(OK);
  });

  test('an error that nobody foresaw is a passing fault too', async () => {
    const client = await ready();
    await envelope(client);
    box.spool.fail('commit', new Error('unforeseen'));
    expect(await client.data(`${COMPLETE}\r\na`)).toBe(
      '451 4.3.0 Something went wrong at the box, please try again later.',
    );
    expect(JSON.stringify(box.log.lines)).toContain('unforeseen');
  });
});

describe('sizes', () => {
  const refused = () => box.log.lines.find(({ event }) => event === 'session.refused')?.fields;

  test('a declared size over the limit is refused before DATA', async () => {
    const client = await ready({ settings: { maxMessageBytes: 2000 } });
    expect(await client.say('MAIL FROM:<a@contoso.com> SIZE=2001')).toBe(
      '552 5.3.4 The scan is too large, please use a lower resolution or fewer pages.',
    );
    expect(refused()).toMatchObject({ declaredBytes: 2001, bytesMax: 2000 });
  });

  test('a message over the limit is refused after DATA and nothing is kept', async () => {
    const client = await ready({ settings: { maxMessageBytes: 2000 } });
    await envelope(client);
    expect(await client.data(`${COMPLETE}\r\n${'x'.repeat(300_000)}`)).toMatch(/^552 5\.3\.4 /);
    expect(box.spool).toMatchObject({ messages: [], aborted: box.spool.opened });
    const bytes = Buffer.byteLength(COMPLETE) + 2 + 300_000 + 2;
    expect(refused()).toMatchObject({ code: 'intake.message-too-large', bytes, bytesMax: 2000 });
    await envelope(client);
    expect(await client.data(`${COMPLETE}\r\na`)).toMatch(OK);
  });

  test('the limit of the device is the one shown and kept', async () => {
    const client = await ready({ devices: [{ id: 'c', address: '127.0.0.1', maxMessageBytes: 1500 }] });
    expect(await client.say('EHLO copier')).toContain('SIZE 1500');
    await envelope(client);
    expect(await client.data(`${COMPLETE}\r\n${'x'.repeat(1500)}`)).toMatch(/^552 /);
  });

  test('a header without end is refused', async () => {
    const client = await ready();
    await envelope(client);
    expect(await client.data('X: y\r\n'.repeat(60_000))).toMatch(/^552 5\.3\.4 The header/);
  });

  test('25 MiB pass byte for byte, and a slow spool makes the device wait instead of filling memory', async () => {
    const client = await ready();
    const kept = createHash('sha256');
    let chunks = 0;
    box.spool.onChunk = (chunk) => {
      // The first chunk is the header, completed; the rest is what the device sent.
      if (chunks > 0) kept.update(chunk);
      chunks += 1;
    };
    let release = () => {};
    box.spool.holdWrites = new Promise((resolve) => {
      release = resolve;
    });
    await envelope(client);
    await client.say('DATA');
    const block = Buffer.from(`${'JVBERi0xLjcK'.repeat(6)}\r\n`.repeat(886));
    const sent = createHash('sha256').update('\r\n');
    const before = retainedBytes();
    client.write(`${COMPLETE}\r\n`);
    for (let bytes = 0; bytes < 25 * 1024 * 1024; bytes += block.length) {
      sent.update(block);
      client.write(block);
    }
    client.write('.\r\n');
    for (let i = 0; i < 500; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(retainedBytes() - before).toBeLessThan(2 * 1024 * 1024);
    release();
    expect(await client.reply()).toMatch(OK);
    expect(kept.digest('hex')).toBe(sent.digest('hex'));
  });
});

describe('the order of commands', () => {
  test.each([
    ['a second MAIL', [...ENVELOPE, ENVELOPE[0]], '503 5.5.1 A message is under way already.'],
    ['RCPT before MAIL', [ENVELOPE[1]], '503 5.5.1 Give the sender first (MAIL FROM).'],
    ['DATA before RCPT', [ENVELOPE[0], 'DATA'], '503 5.5.1 Give a recipient first (RCPT TO).'],
    ['an unknown command', ['BDAT 5'], '500 5.5.1 This command is not known here.'],
    ['a sender without a closing bracket', ['MAIL FROM:<a@contoso.com'], /^501 5\.1\.7 /],
    ['a carriage return in a sender', ['MAIL FROM:<a\r@contoso.com>'], /^501 5\.5\.2 /],
    ['a recipient without domain', [ENVELOPE[0], 'RCPT TO:<anna>'], /^501 5\.1\.3 /],
    ['SMTPUTF8', ['MAIL FROM:<a@contoso.com> SMTPUTF8'], /^555 5\.6\.7 /],
    ['sendmail’s jokes', ['WIZ x'], '500 5.5.1 This command is not known here.'],
    ['XCLIENT', ['XCLIENT ADDR=10.0.0.1'], '500 5.5.1 This command is not known here.'],
  ])('%s is refused', async (_name, lines, expected) => {
    const client = await ready();
    let last = '';
    for (const line of lines) last = await client.say(line);
    expect(last).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
  });

  test('MAIL before EHLO is refused', async () => {
    box = await startBox();
    const client = await connectPlain(box.port());
    await client.reply();
    expect(await client.say(ENVELOPE[0])).toBe('503 5.5.1 Say HELO or EHLO first.');
  });

  test('HELO alone is enough', async () => {
    box = await startBox();
    const client = await connectPlain(box.port());
    await client.reply();
    expect(await client.say('HELO NPIF65E56')).toBe('250 scanferry.local');
    await envelope(client);
    expect(await client.data(`${COMPLETE}\r\na`)).toMatch(OK);
    expect(box.spool.messages[0]?.body.toString()).toContain('with SMTP id');
  });

  test('an international domain is written in ASCII', async () => {
    const client = await ready();
    await client.say(ENVELOPE[0]);
    expect(await client.say('RCPT TO:<anna@xn--bcher-kva.example>')).toMatch(/^250 /);
    await client.data(`${COMPLETE}\r\na`);
    expect(box.spool.messages[0]?.message.recipients).toEqual(['anna@xn--bcher-kva.example']);
  });
});

test('a device that leaves in the middle of DATA leaves nothing behind', async () => {
  const client = await ready();
  await envelope(client);
  await client.say('DATA');
  client.write(`${COMPLETE}\r\n${'half a scan '.repeat(10_000)}`);
  await until(() => box.spool.opened === 1, 'the body has begun to arrive');
  client.destroy();
  await until(() => box.spool.aborted === 1, 'the spool is told to drop it');
  await until(() => box.log.lines.some(({ event }) => event === 'session.refused'), 'the loss is told');
  expect(await box.refusals()).toEqual(['intake.connection-lost']);
  expect(box.spool.messages).toEqual([]);
});

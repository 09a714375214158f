/** How the simulated hosts misbehave on request, seen from a raw socket and from openssl. */
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Stage } from '../../src/sandbox/replies.ts';
import { dial, type RawClient } from './raw-client.ts';
import { type Bench, MESSAGE, startBench, submit } from './support.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.stop());

const faults = () => bench.sandbox.tenant.faults.mx;

/** A whole session; resolves with the number of replies that came before the connection ended. */
async function repliesUntilEnd(): Promise<number> {
  const client = await dial(bench.addresses.mx.port);
  let replies = 0;
  const step = async (reply: Promise<string>) => {
    await reply;
    replies++;
  };
  try {
    await step(client.reply());
    await step(client.say('EHLO box'));
    await step(client.say('STARTTLS'));
    await client.secure({ servername: bench.addresses.mx.exchange, ca: bench.addresses.caPem });
    for (const line of ['EHLO box', 'MAIL FROM:<scanner@contoso.com>', 'RSET']) await step(client.say(line));
    await step(client.say('MAIL FROM:<scanner@contoso.com>'));
    for (const line of ['RCPT TO:<office@contoso.com>', 'DATA', `${MESSAGE}.`, 'QUIT']) {
      await step(client.say(line));
    }
  } catch {
    return replies; // The connection was cut: how far it came is what the test judges.
  } finally {
    client.close();
  }
  return replies;
}

const CUTS: [Stage, number][] = [
  ['connect', 0],
  ['ehlo', 1],
  ['starttls', 2],
  ['tls', 3],
  ['ehlo-tls', 3],
  ['mail', 4],
  ['rset', 5],
  ['rcpt', 7],
  ['data', 8],
  ['body', 9],
  ['data-end', 9],
  ['quit', 10],
];

test.each(CUTS)('cuts the connection at %s', async (stage, replies) => {
  faults().cutAt = stage;
  expect(await repliesUntilEnd()).toBe(replies);
  expect(bench.sandbox.received()).toHaveLength(stage === 'quit' ? 1 : 0);
  faults().cutAt = null;
  expect(await repliesUntilEnd()).toBe(11);
});

test('falls silent at a step, and stays so', async () => {
  faults().silentAt = 'mail';
  const client = await bench.secureMx();
  const before = client.bytes();
  client.write('MAIL FROM:<scanner@contoso.com>\r\nNOOP\r\n');
  // Another session goes through all its steps meanwhile: nothing came on the silent one.
  const other = await bench.secureMx();
  await other.say('NOOP');
  expect(client.bytes()).toBe(before);
});

test('keeps the message and loses the reply to the final dot', async () => {
  faults().dropAfterFinalDot = true;
  const client = await bench.secureMx();
  await expect(submit(client)).rejects.toThrow('the connection was closed');
  expect(bench.sandbox.received()).toHaveLength(1);
});

test('takes STARTTLS out and refuses the command', async () => {
  faults().stripStarttls = true;
  const client = await greeted();
  expect(await client.say('EHLO box')).not.toContain('STARTTLS');
  expect(await client.say('STARTTLS')).toMatch(/^500 /);
  client.close();
});

test('does everything in plain text when told to', async () => {
  const { tenant } = bench.sandbox;
  tenant.faults.submission.plainTextOnly = true;
  const client = await dial(bench.addresses.submission.port);
  await client.reply();
  const hello = await client.say('EHLO box');
  expect(hello).toContain('AUTH LOGIN');
  expect(hello).not.toContain('STARTTLS');
  client.close();
});

test('answers one byte at a time', async () => {
  faults().replyByteByByte = true;
  expect(await repliesUntilEnd()).toBe(11);
});

test('answers with a mebibyte', async () => {
  faults().hugeReplyAt = 'mail';
  const client = await bench.secureMx();
  const reply = await client.say('MAIL FROM:<scanner@contoso.com>');
  expect(client.bytes()).toBeGreaterThan(1024 * 1024);
  expect(reply).toMatch(/^250-x/);
  expect(reply).toMatch(/\n250 2\.1\.0 Sender OK$/);
});

test('refuses connections while it does not listen, on the same port again afterwards', async () => {
  await bench.sandbox.setListening('mx', false);
  await expect(dial(bench.addresses.mx.port)).rejects.toThrow('ECONNREFUSED');
  await bench.sandbox.setListening('mx', true);
  expect(await repliesUntilEnd()).toBe(11);
});

test.each([
  ['expired', 'CERT_HAS_EXPIRED'],
  ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
] as const)('shows a certificate that is %s', async (certificate, code) => {
  faults().certificate = certificate;
  await expect(bench.secureMx()).rejects.toMatchObject({ code });
  faults().certificate = 'valid';
  expect(await submit(await bench.secureMx())).toMatch(/^250 /);
});

test('speaks TLS 1.1 at most when told to, and 1.2 at least otherwise', async () => {
  expect(await openssl('-tls1_1')).toContain('Cipher is (NONE)');
  expect(await openssl('-tls1_2')).toMatch(/New, TLSv1\.2, Cipher is ECDHE/);
  faults().tlsMaxVersion = 'TLSv1.1';
  await expect(bench.secureMx()).rejects.toMatchObject({ code: expect.stringContaining('PROTOCOL') });
  expect(await openssl('-tls1_1')).toMatch(/Cipher is ECDHE[\s\S]+Protocol *: TLSv1\.1/);
});

async function greeted(): Promise<RawClient> {
  const client = await dial(bench.addresses.mx.port);
  await client.reply();
  return client;
}

/** What openssl s_client tells of a handshake with this version. */
function openssl(version: string): Promise<string> {
  const { port, exchange } = bench.addresses.mx;
  const cipher = ['-cipher', 'ALL:@SECLEVEL=0'];
  const child = spawn(
    'openssl',
    [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-servername',
      exchange,
      '-starttls',
      'smtp',
      version,
      ...cipher,
    ],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  child.stdin.end('QUIT\r\n');
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(text));
  });
}

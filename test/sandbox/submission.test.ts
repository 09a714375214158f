/** The simulated submission host, over raw sockets. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMailbox, type TenantState } from '../../src/sandbox/tenant.ts';
import { dial } from './raw-client.ts';
import { type Bench, base64, MESSAGE, startBench, submit, xoauth2 } from './support.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.stop());

const MAILBOX = 'scanner@contoso.com';

function mailbox() {
  const found = bench.sandbox.tenant.mailboxes.get(MAILBOX);
  if (!found) throw new Error('no mailbox');
  return found;
}

test('greets as Microsoft does and lists STARTTLS without AUTH before TLS', async () => {
  const client = await dial(bench.addresses.submission.port);
  expect(await client.reply()).toMatch(
    /^220 smtp\.office365\.com Microsoft ESMTP MAIL Service ready at .+ GMT$/,
  );
  const hello = (await client.say('EHLO box')).split('\n').map((line) => line.slice(4));
  expect(hello).toEqual([
    'smtp.office365.com Hello [127.0.0.1]',
    'SIZE 157286400',
    'PIPELINING',
    'DSN',
    'ENHANCEDSTATUSCODES',
    'STARTTLS',
    '8BITMIME',
    'BINARYMIME',
    'CHUNKING',
    'SMTPUTF8',
  ]);
  client.close();
});

test('lists AUTH LOGIN XOAUTH2 and no STARTTLS once in TLS', async () => {
  const client = await bench.secureSubmission();
  const hello = await client.say('EHLO box');
  expect(hello).toContain('250-AUTH LOGIN XOAUTH2\n');
  expect(hello).not.toContain('STARTTLS');
});

test('refuses mail and sign-in before TLS', async () => {
  const client = await dial(bench.addresses.submission.port);
  await client.reply();
  await client.say('EHLO box');
  expect(await client.say(`MAIL FROM:<${MAILBOX}>`)).toBe('451 5.7.3 STARTTLS is required to send mail');
  expect(await client.say('AUTH LOGIN')).toMatch(/^504 /);
  client.close();
});

test('refuses mail of a caller that did not sign in', async () => {
  const client = await bench.secureSubmission();
  expect(await submit(client)).toMatch(/^530 5\.7\.57 /);
});

test('keeps a signed-in message byte for byte, dots taken out', async () => {
  const client = await bench.signedIn();
  const body = `${MESSAGE}.\r\n..two\r\nmiddle . dot\r\n.end`;
  const stuffed = body.replace(/^\./gm, '..');
  expect(await submit(client, { message: `${stuffed}\r\n` })).toMatch(/^250 2\.0\.0 /);
  const [message] = await bench.sandbox.waitForMessages(1);
  expect(message?.body?.toString()).toBe(`${body}\r\n`);
  expect(message).toMatchObject({
    host: 'submission',
    sender: MAILBOX,
    recipients: ['office@contoso.com'],
    user: MAILBOX,
    ehlo: 'box.contoso.com',
    tls: { protocol: 'TLSv1.3' },
    sha256: createHash('sha256').update(`${body}\r\n`).digest('hex'),
  });
});

test('answers pipelined commands in order', async () => {
  const client = await bench.signedIn();
  client.write(`MAIL FROM:<${MAILBOX}>\r\nRCPT TO:<a@contoso.com>\r\nRCPT TO:<b@contoso.com>\r\nDATA\r\n`);
  const replies = [await client.reply(), await client.reply(), await client.reply(), await client.reply()];
  expect(replies.map((reply) => reply.slice(0, 9))).toEqual([
    '250 2.1.0',
    '250 2.1.5',
    '250 2.1.5',
    '354 Start',
  ]);
  client.write(`${MESSAGE}.\r\nNOOP\r\n`);
  expect([await client.reply(), await client.reply()].map((reply) => reply.slice(0, 3))).toEqual([
    '250',
    '250',
  ]);
});

test('forgets commands that were pipelined behind STARTTLS', async () => {
  const client = await dial(bench.addresses.submission.port);
  await client.reply();
  await client.say('EHLO box');
  client.write('STARTTLS\r\nEHLO injected\r\nMAIL FROM:<evil@contoso.com>\r\n');
  expect(await client.reply()).toMatch(/^220 /);
  await client.secure({ servername: bench.addresses.submission.host, ca: bench.addresses.caPem });
  expect(await client.say('NOOP')).toBe('250 2.0.0 OK');
  expect(bench.sandbox.sessions()[0]?.commands).toEqual(['EHLO (plain)', 'STARTTLS (plain)', 'NOOP']);
  client.close();
});

test('takes a message in BDAT chunks', async () => {
  const client = await bench.signedIn();
  await client.say(`MAIL FROM:<${MAILBOX}> BODY=BINARYMIME`);
  await client.say('RCPT TO:<office@contoso.com>');
  const half = 20;
  client.write(`BDAT ${half}\r\n${MESSAGE.slice(0, half)}`);
  expect(await client.reply()).toBe('250 2.0.0 20 octets received');
  client.write(`BDAT ${MESSAGE.length - half} LAST\r\n${MESSAGE.slice(half)}`);
  expect(await client.reply()).toMatch(/^250 2\.0\.0 OK/);
  const [message] = await bench.sandbox.waitForMessages(1);
  expect(message?.bodyBytes).toBe(MESSAGE.length);
});

const REFUSALS: [string, Partial<TenantState>, RegExp][] = [
  ['the tenant switch', { smtpAuthDisabled: 'tenant' }, /^535 5\.7\.139 .*Tenant/],
  ['the mailbox switch', { smtpAuthDisabled: 'mailbox' }, /^535 5\.7\.139 .*Mailbox/],
  ['security defaults', { securityDefaults: true }, /^535 5\.7\.139 .*security defaults/],
  ['the removal of basic auth', { basicAuthRemoved: true }, /^550 5\.7\.30 /],
  ['a policy', { signInPolicy: 'basic' }, /^535 5\.7\.139 .*basic authentication/],
  ['criteria', { signInPolicy: 'criteria' }, /^535 5\.7\.139 .*criteria/],
  ['a federated policy', { signInPolicy: 'federated' }, /^535 5\.7\.139 .*STS/],
];

test.each(REFUSALS)('refuses a password because of %s', async (_name, switches, reply) => {
  Object.assign(bench.sandbox.tenant, switches);
  const client = await bench.secureSubmission();
  await client.say('AUTH LOGIN');
  await client.say(base64(MAILBOX));
  expect(await client.say(base64(mailbox().password))).toMatch(reply);
  expect(await submit(client)).toMatch(/^530 /);
});

test('refuses a locked mailbox', async () => {
  mailbox().locked = true;
  const client = await bench.signedIn();
  expect(await client.say('AUTH LOGIN')).toMatch(/^334 /);
});

test('refuses a wrong password and a mechanism it does not offer', async () => {
  const client = await bench.secureSubmission();
  expect(await client.say(`AUTH LOGIN ${base64(MAILBOX)}`)).toBe(`334 ${base64('Password:')}`);
  expect(await client.say(base64('wrong'))).toBe('535 5.7.3 Authentication unsuccessful');
  expect(await client.say('AUTH PLAIN AAAA')).toMatch(/^504 /);
});

test('answers malformed and unknown tokens', async () => {
  const client = await bench.secureSubmission();
  expect(await client.say(`AUTH XOAUTH2 ${base64('nonsense')}`)).toMatch(/^501 5\.5\.124 /);
  expect(await client.say(`AUTH XOAUTH2 ${xoauth2(MAILBOX, 'unknown')}`)).toMatch(/^535 5\.7\.3 /);
});

test('checks SendAs at the end of DATA, in header and envelope', async () => {
  const client = await bench.signedIn();
  const other = 'From: "Copier" <copier@contoso.com>\r\n\r\nx\r\n';
  expect(await submit(client, { message: other })).toMatch(/^554 5\.2\.252 /);
  expect(await submit(client, { from: 'copier@contoso.com' })).toMatch(/^554 5\.2\.252 /);
  mailbox().sendAs.push('copier@contoso.com');
  expect(await submit(client, { message: other })).toMatch(/^250 /);
  expect(bench.sandbox.received()).toHaveLength(1);
});

test('refuses a full mailbox, an oversized message, a missing From and a bare line feed', async () => {
  const client = await bench.signedIn();
  mailbox().full = true;
  expect(await submit(client)).toMatch(/^554 5\.2\.2 .*QuotaExceeded/);
  mailbox().full = false;
  mailbox().sendBytesMax = 100;
  expect(await submit(client, { message: `${MESSAGE}${'x'.repeat(100)}\r\n` })).toMatch(/^554 5\.2\.270 /);
  expect(await submit(client, { message: 'Subject: x\r\n\r\nx\r\n' })).toMatch(/^550 5\.7\.512 /);
  expect(await submit(client, { message: `${MESSAGE}a\nb\r\n` })).toMatch(/^550 5\.6\.11 /);
  expect(bench.sandbox.received()).toEqual([]);
});

test('holds a mailbox to its rate for a minute of the clock', async () => {
  bench.sandbox.tenant.enforceLimits = true;
  const client = await bench.signedIn();
  for (let sent = 0; sent < 30; sent++) expect(await submit(client)).toMatch(/^250 /);
  expect(await submit(client)).toMatch(/^432 4\.3\.2 /);
  await bench.clock.advance(60_000);
  expect(await submit(client)).toMatch(/^250 /);
  expect(bench.sandbox.use(MAILBOX)).toEqual({
    connectionsPeak: 1,
    messagesPerMinutePeak: 30,
    messages: 31,
  });
});

test('refuses the message of a fourth connection, and takes it when one ended', async () => {
  bench.sandbox.tenant.enforceLimits = true;
  const clients = [];
  for (let open = 0; open < 4; open++) clients.push(await bench.signedIn());
  const [first, , , last] = clients;
  if (!first || !last) throw new Error('not connected');
  expect(await submit(last)).toMatch(/^432 4\.3\.2 STOREDRV/);
  expect(await first.say('QUIT')).toMatch(/^221 /);
  await first.closed();
  expect(await submit(last)).toMatch(/^250 /);
});

test('counts recipients over a day', async () => {
  const { tenant } = bench.sandbox;
  tenant.enforceLimits = true;
  tenant.limits.recipientsPerDay = 3;
  const client = await bench.signedIn();
  expect(await submit(client, { to: ['a@contoso.com', 'b@contoso.com', 'c@contoso.com'] })).toMatch(/^250 /);
  expect(await submit(client)).toMatch(/^554 5\.2\.0 .*SubmissionQuotaExceeded/);
  await bench.clock.advance(24 * 3_600_000);
  // The first session has been ended for its age by now.
  expect(await submit(await bench.signedIn())).toMatch(/^250 /);
});

test('serves several mailboxes side by side', async () => {
  bench.sandbox.tenant.mailboxes.set('second@contoso.com', createMailbox('second@contoso.com'));
  const client = await bench.signedIn('second@contoso.com');
  const message = 'From: second@contoso.com\r\n\r\nx\r\n';
  expect(await submit(client, { from: 'second@contoso.com', message })).toMatch(/^250 /);
});

test('refuses what is out of order or malformed', async () => {
  const client = await bench.signedIn();
  expect(await client.say('RCPT TO:<a@contoso.com>')).toMatch(/^503 /);
  expect(await client.say('DATA')).toMatch(/^503 /);
  expect(await client.say('MAIL FROM:scanner@contoso.com')).toMatch(/^501 /);
  expect(await client.say(`MAIL FROM:<${MAILBOX}> SIZE=157286401`)).toMatch(/^552 5\.3\.4 /);
  expect(await client.say(`MAIL FROM:<${MAILBOX}>`)).toMatch(/^250 /);
  expect(await client.say(`MAIL FROM:<${MAILBOX}>`)).toMatch(/^503 /);
  expect(await client.say('RSET')).toMatch(/^250 /);
  expect(await client.say('VRFY a')).toMatch(/^500 /);
  expect(await client.say(`X${'x'.repeat(20_000)}`)).toMatch(/^500 5\.5\.2 /);
  await client.closed();
});

test('ends only at CRLF dot CRLF', async () => {
  const client = await bench.signedIn();
  await client.say(`MAIL FROM:<${MAILBOX}>`);
  await client.say('RCPT TO:<office@contoso.com>');
  await client.say('DATA');
  client.write(`${MESSAGE}a\n.\nb\r\n.\nc\n.\r\nMAIL FROM:<evil@contoso.com>\r\n`);
  expect(await client.say('.')).toMatch(/^550 5\.6\.11 /);
  expect(bench.sandbox.sessions()[0]?.commands.filter((verb) => verb === 'MAIL')).toHaveLength(1);
});

/** Signing in at the box: mechanisms to the byte, wrong passwords, throttling, and who may send where. */
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type Box, ENVELOPE, startBox } from './support/box.ts';
import { type Client, connectImplicit, connectPlain } from './support/client.ts';

let box: Box;
afterEach(() => box.stop());

const COPIER = { id: 'copier', login: { user: 'copier2f', password: 'Scan4me' } };
const base64 = (text: string) => Buffer.from(text).toString('base64');
const PLAIN_RIGHT = `AUTH PLAIN ${base64('\0copier2f\0Scan4me')}`;
const PLAIN_WRONG = `AUTH PLAIN ${base64('\0copier2f\0scan4me')}`;

async function greeted(port: number, from?: string): Promise<Client> {
  const client = await connectPlain(port, from === undefined ? {} : { from });
  await client.reply();
  await client.say('EHLO copier');
  return client;
}

describe('the mechanisms', () => {
  test('LOGIN prompts are exactly Username: and Password:', async () => {
    box = await startBox({ devices: [COPIER] });
    const client = await greeted(box.port());
    expect(await client.say('AUTH LOGIN')).toBe('334 VXNlcm5hbWU6');
    expect(await client.say(base64('copier2f'))).toBe('334 UGFzc3dvcmQ6');
    expect(await client.say(base64('Scan4me'))).toBe('235 2.7.0 Authentication successful');
  });

  test('LOGIN with the user name in the first line', async () => {
    box = await startBox({ devices: [COPIER] });
    const client = await greeted(box.port());
    expect(await client.say(`AUTH LOGIN ${base64('copier2f')}`)).toBe('334 UGFzc3dvcmQ6');
    expect(await client.say(base64('Scan4me'))).toMatch(/^235 /);
  });

  test('PLAIN in one line and in two', async () => {
    box = await startBox({ devices: [COPIER] });
    expect(await (await greeted(box.port())).say(PLAIN_RIGHT)).toMatch(/^235 /);
    const client = await greeted(box.port());
    expect(await client.say('AUTH PLAIN')).toBe('334');
    expect(await client.say(base64('\0copier2f\0Scan4me'))).toMatch(/^235 /);
  });

  test.each([
    ['Scan4me', /^235 /],
    ['scan4me', /^535 5\.7\.8 User name or password is wrong\.$/],
  ])('CRAM-MD5 with the password %s', async (password, expected) => {
    box = await startBox({ devices: [COPIER] });
    const client = await greeted(box.port());
    const challenge = Buffer.from((await client.say('AUTH CRAM-MD5')).slice(4), 'base64').toString();
    expect(challenge).toMatch(/^<.+@scanferry\.local>$/);
    const digest = createHmac('md5', password).update(challenge).digest('hex');
    expect(await client.say(base64(`copier2f ${digest}`))).toMatch(expected);
  });

  test('a line of the exchange is never taken for a command', async () => {
    box = await startBox({
      devices: [{ id: 'c', login: { user: 'STARTTLS', password: 'x' } }],
      listeners: [{ tls: 'starttls' }],
    });
    const client = await greeted(box.port());
    await client.say('AUTH LOGIN');
    expect(await client.say('STARTTLS')).toMatch(/^(334|501) /);
  });

  test('nothing is offered while nobody has a login', async () => {
    box = await startBox();
    const client = await connectPlain(box.port());
    await client.reply();
    expect(await client.say('EHLO copier')).not.toContain('AUTH');
    expect(await client.say(PLAIN_RIGHT)).toBe('504 5.5.4 This way of signing in is not offered here.');
  });
});

test('the message names device and login', async () => {
  box = await startBox({ devices: [COPIER], settings: { unknownDevices: 'reject' } });
  const client = await greeted(box.port());
  expect(await client.say(ENVELOPE[0])).toBe(
    '550 5.7.1 This device is not registered, please ask your IT department to add it.',
  );
  await client.say(PLAIN_RIGHT);
  for (const line of ENVELOPE) await client.say(line);
  expect(await client.data('Subject: a\r\n\r\nb')).toMatch(/^250 /);
  expect(box.spool.messages[0]?.message.device).toMatchObject({ id: 'copier', login: 'copier2f' });
  expect(box.spool.messages[0]?.body.toString()).toContain('with ESMTPA id');
});

test('no password reaches log or events', async () => {
  box = await startBox({ devices: [COPIER] });
  const client = await greeted(box.port());
  await client.say(PLAIN_WRONG);
  await client.say(`AUTH PLAIN ${base64('\0Scan4me\0copier2f')}`);
  await client.say(PLAIN_RIGHT);
  const told = JSON.stringify([box.log.lines, await box.spool.events()]);
  expect(told).toContain('intake.sign-in-refused');
  expect(told).not.toMatch(/scan4me/i);
  expect(told).not.toContain(base64('\0copier2f\0scan4me'));
});

test.each([
  [
    'NTLM, which is not offered',
    'AUTH NTLM TlRMTVNTUAABAAAA',
    [base64('copier2f'), base64('Scan4me'), 'Scan4me', 'scan4me now'],
  ],
  ['LOGIN, after it was cancelled', 'AUTH LOGIN', ['*', base64('copier2f'), base64('Scan4me')]],
])('nothing of a login that goes on after %s reaches log or events', async (_name, auth, login) => {
  box = await startBox({ devices: [COPIER] });
  const client = await greeted(box.port());
  expect(await client.say(auth)).toMatch(/^(504 5\.5\.4|334) /);
  for (const line of login) expect(await client.say(line)).toMatch(/^50[01] /);
  const told = JSON.stringify([box.log.lines, await box.spool.events()]);
  expect(told).toContain('intake.command-unknown');
  for (const secret of ['NTLMSSP', 'TlRMTVNT', base64('copier2f'), base64('Scan4me'), 'can4me'])
    expect(told.toLowerCase()).not.toContain(secret.toLowerCase());
});

test('the log names the verb of a refused command that is one of SMTP', async () => {
  box = await startBox({ devices: [COPIER] });
  const client = await greeted(box.port());
  for (const line of ['data', 'Scan4me']) await client.say(line);
  const verbs = box.log.lines.flatMap(({ fields }) => ('verb' in fields ? [fields['verb']] : []));
  expect(verbs).toEqual(['DATA', null]);
});

describe('wrong passwords', () => {
  test('are answered the same for a known and an unknown user', async () => {
    box = await startBox({ devices: [COPIER] });
    const client = await greeted(box.port());
    const known = await client.say(PLAIN_WRONG);
    expect(known).toBe('535 5.7.8 User name or password is wrong.');
    expect(await client.say(`AUTH PLAIN ${base64('\0nobody\0Scan4me')}`)).toBe(known);
  });

  test('throttle their address, not others, and only for a while', async () => {
    const clock = createFakeClock();
    box = await startBox({ devices: [COPIER], clock });
    const client = await greeted(box.port());
    for (let i = 0; i < LIMITS.authFailuresMax; i++) expect(await client.say(PLAIN_WRONG)).toMatch(/^535 /);
    expect(await client.say(PLAIN_RIGHT)).toBe(
      '454 4.7.0 Too many wrong passwords, please wait ten minutes and try again.',
    );
    expect(await (await greeted(box.port(), '127.0.0.2')).say(PLAIN_RIGHT)).toMatch(/^235 /);
    client.destroy();
    await clock.advance(2 * LIMITS.authFailureWindowMs);
    expect(await (await greeted(box.port())).say(PLAIN_RIGHT)).toMatch(/^235 /);
    expect((await box.refusals()).filter((code) => code.startsWith('intake.sign-in'))).toEqual([
      'intake.sign-in-refused',
      'intake.sign-in-throttled',
    ]);
  });
});

describe('outside the trusted networks', () => {
  const OUTSIDE = {
    settings: { trustedNetworks: ['127.0.0.9'] },
    listeners: [{ tls: 'implicit' }, { tls: 'starttls' }],
  } satisfies Parameters<typeof startBox>[0];

  /** The box's own loopback address may sign in without TLS; to a stranger it must be shown another one. */
  test('the test login of the box works from loopback without TLS and ends when it is revoked', async () => {
    box = await startBox(OUTSIDE);
    const login = box.intake.issueTestLogin();
    const auth = `AUTH PLAIN ${base64(`\0${login.user}\0${login.password}`)}`;
    const client = await greeted(box.port(1));
    expect(await client.say(auth)).toMatch(/^235 /);
    for (const line of ENVELOPE) expect(await client.say(line)).toMatch(/^250 /);
    expect(await client.data('Subject: a\r\n\r\nb')).toMatch(/^250 /);
    expect(box.spool.messages[0]?.message).toMatchObject({
      held: null,
      device: { id: null, login: login.user },
    });
    login.revoke();
    const late = connectPlain(box.port(1));
    expect(await (await late).reply()).toBe('554 5.7.1 This box does not take mail from your network.');
  });

  test('nothing is relayed without signing in', async () => {
    box = await startBox({ ...OUTSIDE, devices: [COPIER] });
    const client = await connectImplicit(box.port());
    await client.reply();
    await client.say('EHLO stranger');
    expect(await client.say('MAIL FROM:<a@contoso.com>')).toBe(
      '530 5.7.0 Sign in first: enter user name and password in the mail settings of this device.',
    );
    expect(await client.say('RCPT TO:<b@example.net>')).toBe('503 5.5.1 Give the sender first (MAIL FROM).');
    expect(await client.say('DATA')).toBe('503 5.5.1 Give a recipient first (RCPT TO).');
    expect(box.spool.messages).toEqual([]);
  });

  test('a device that signs in over TLS is served', async () => {
    box = await startBox({ ...OUTSIDE, devices: [COPIER] });
    const client = await connectImplicit(box.port());
    await client.reply();
    expect(await client.say('EHLO copier')).toContain('AUTH PLAIN LOGIN CRAM-MD5');
    await client.say(PLAIN_RIGHT);
    for (const line of ENVELOPE) expect(await client.say(line)).toMatch(/^250 /);
    expect(await client.data('Subject: a\r\n\r\nb')).toMatch(/^250 /);
    expect(box.spool.messages[0]?.body.toString()).toContain('with ESMTPSA id');
  });

  test('a stranger is turned away at the door while there is no login', async () => {
    box = await startBox(OUTSIDE);
    const client = await connectPlain(box.port(1));
    expect(await client.reply()).toBe('554 5.7.1 This box does not take mail from your network.');
    expect(await client.reply()).toBe('');
  });
});

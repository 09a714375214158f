/** What can go wrong before a message is told of: network, TLS, greeting, sign-in, each with a code of its own. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FAULTS, faultCodeOf, lookupFaultCodeOf } from '../../src/routes/faults.ts';
import {
  type CertificateKind,
  createTestCertificates,
  type TestCertificates,
} from '../support/certificates.ts';
import { type ScriptedSmtp, type ScriptedSmtpOptions, startScriptedSmtp } from '../support/scripted-smtp.ts';
import { send, summary } from './bench.ts';
import { type ScriptedRoute, scriptedRoute } from './scripted-route.ts';

const HOST = 'mail.contoso.com';
const DELIVERED = { 'office@contoso.com': 'delivered' };

let certificates: TestCertificates;
let server: ScriptedSmtp | null = null;
let made: ScriptedRoute | null = null;
beforeAll(async () => {
  certificates = await createTestCertificates({ names: [HOST] });
});
afterAll(() => certificates.remove());
afterEach(async () => {
  await made?.route.stop();
  await server?.stop();
  server = null;
});

async function serve(
  options: ScriptedSmtpOptions = {},
  kind: CertificateKind = 'valid',
): Promise<ScriptedSmtp> {
  const { cert, key } = await certificates.server(kind);
  server = await startScriptedSmtp({ ...options, tls: { cert, key, ...options.tls } });
  return server;
}

function routeTo(port: number, settings: Record<string, unknown> = {}): ScriptedRoute {
  made = scriptedRoute(HOST, port, { ca: { path: 'ca.pem', text: certificates.ca }, ...settings });
  return made;
}

/** Whether a server saw anything that must not go out in plain text. */
const saidInPlain = ({ sessions }: ScriptedSmtp) =>
  sessions.flatMap(({ commands }) => commands).filter((line) => !/^(EHLO|STARTTLS|QUIT)/.test(line));

test('delivers to a server with a good certificate', async () => {
  const { port } = await serve();
  expect(summary(await send(routeTo(port).route))).toEqual(DELIVERED);
});

test.each([
  ['expired', 'route.certificate-expired'],
  ['notYetValid', 'route.certificate-not-yet-valid'],
  ['wrongName', 'route.certificate-wrong-name'],
  ['selfSigned', 'route.certificate-self-signed'],
] as const)('refuses a certificate that is %s', async (kind, code) => {
  const smtp = await serve({}, kind);
  const { fault, results, upstream } = await send(routeTo(smtp.port).route);
  expect(results).toEqual([]);
  expect(fault).toMatchObject({ needsPerson: true, why: { code } });
  expect(fault?.why.cause).toContain(`${HOST}:${smtp.port}`);
  expect(upstream?.host).toBe(HOST);
  expect(saidInPlain(smtp)).toEqual([]);
});

test('refuses a certificate of an authority it does not know', async () => {
  const smtp = await serve();
  const { fault } = await send(routeTo(smtp.port, { ca: undefined }).route);
  expect(fault).toMatchObject({ needsPerson: true, why: { code: 'route.certificate-unknown-issuer' } });
});

test('verifies although the environment says not to', async () => {
  const smtp = await serve({}, 'selfSigned');
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    expect((await send(routeTo(smtp.port).route)).fault?.why.code).toBe('route.certificate-self-signed');
  } finally {
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  }
});

test('refuses a server that speaks TLS 1.1 at most', async () => {
  const tls = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
  const smtp = await serve({ tls });
  const { fault } = await send(routeTo(smtp.port).route);
  expect(fault).toMatchObject({ needsPerson: true, why: { code: 'route.tls-too-old' } });
  expect(saidInPlain(smtp)).toEqual([]);
});

test('says so when there is no common cipher', async () => {
  const smtp = await serve({ tls: { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-NULL-SHA:@SECLEVEL=0' } });
  expect((await send(routeTo(smtp.port).route)).fault?.why.code).toBe('route.tls-no-common-cipher');
});

test('says so when the server wants a client certificate', async () => {
  const smtp = await serve({ clientCa: certificates.ca });
  const { fault } = await send(routeTo(smtp.port).route);
  expect(fault).toMatchObject({ needsPerson: true, why: { code: 'route.tls-certificate-wanted' } });
});

test('shows the client certificate of a connector', async () => {
  const smtp = await serve({ clientCa: certificates.ca });
  const { cert, key, certFile, keyFile } = await certificates.client('mail.contoso.com');
  const certificate = { cert: { path: certFile, text: cert }, key: { path: keyFile, text: key } };
  const { route } = routeTo(smtp.port, { kind: 'connector', certificate });
  expect(summary(await send(route))).toEqual(DELIVERED);
});

test.each([
  ['a hang-up instead of TLS', { deed: 'cut' }, 'route.starttls-missing'],
  ['502 to STARTTLS', '502 5.5.1 no', 'route.starttls-missing'],
  ['454 to STARTTLS', '454 4.7.0 TLS not available', 'route.starttls-missing'],
] as const)('never goes on in plain text after %s', async (_name, answer, code) => {
  server = await startScriptedSmtp({
    offers: ['PIPELINING', 'AUTH LOGIN', 'STARTTLS'],
    script: (step) => (step === 'STARTTLS' ? answer : undefined),
  });
  const { fault, results } = await send(routeTo(server.port).route);
  expect([results, fault?.why.code]).toEqual([[], code]);
  expect(saidInPlain(server)).toEqual([]);
});

test('a stripped STARTTLS is a fault for a person', async () => {
  server = await startScriptedSmtp({ offers: ['AUTH LOGIN', 'XXXXXXXA'] });
  const { fault } = await send(routeTo(server.port).route);
  expect(fault).toMatchObject({
    needsPerson: true,
    why: { code: 'route.starttls-missing' },
    reply: { code: 502 },
  });
  expect(saidInPlain(server)).toEqual([]);
});

test('forgets what was slipped in before TLS was up', async () => {
  const smtp = await serve({
    script: (step) =>
      step === 'STARTTLS' ? { deed: 'raw', text: '220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n' } : undefined,
  });
  expect((await send(routeTo(smtp.port).route)).fault?.why.code).not.toBe('route.auth-missing');
});

test.each([
  ['554 5.7.1 go away', 'reply.session-refused'],
  ['451 4.7.500 Server busy', 'reply.server-busy'],
  ['550 5.7.25 no reverse DNS', 'reply.ipv6-unknown'],
  ['HTTP/1.1 400 Bad Request', 'route.protocol'],
  ['250 hello', 'route.protocol'],
] as const)('reads the greeting %s', async (greeting, code) => {
  const smtp = await serve({ script: (step) => (step === 'connect' ? greeting : undefined) });
  const { fault } = await send(routeTo(smtp.port).route);
  expect(fault?.why.code).toBe(code);
});

test.each([
  ['closes', 'cut', 'route.closed'],
  ['resets', 'reset', 'route.reset'],
] as const)('says so when the server %s instead of greeting', async (_name, deed, code) => {
  const smtp = await serve({ script: (step) => (step === 'connect' ? { deed } : undefined) });
  expect((await send(routeTo(smtp.port).route)).fault).toMatchObject({ needsPerson: false, why: { code } });
});

test('drops a server that never ends its greeting line', async () => {
  const text = 'x'.repeat(3 * 1024 * 1024);
  const smtp = await serve({ script: (step) => (step === 'connect' ? { deed: 'raw', text } : undefined) });
  expect((await send(routeTo(smtp.port).route)).fault?.why.code).toBe('route.protocol');
});

test.each([
  ['the greeting', 'connect', 300_000],
  ['the EHLO reply', 'EHLO', 300_000],
  ['the STARTTLS reply', 'STARTTLS', 300_000],
] as const)('waits for %s only so long', async (_name, silent, limitMs) => {
  const smtp = await serve({ script: (step) => (step.startsWith(silent) ? { deed: 'silence' } : undefined) });
  const { route, clock } = routeTo(smtp.port);
  const attempt = send(route);
  await expect
    .poll(() => smtp.sessions[0] && (smtp.sessions[0].commands.at(-1) ?? 'connect'))
    .toMatch(new RegExp(`^${silent}`));
  await clock.advance(limitMs);
  expect((await attempt).fault?.why.code).toBe('route.timeout');
});

/** More than EHLO and STARTTLS, so that the TLS hello is there. */
const HELLO_BYTES = 100;

test('never goes on after garbage instead of TLS', async () => {
  const smtp = await startScriptedSmtp({
    offers: ['STARTTLS'],
    script: (step) => (step === 'STARTTLS' ? '220 go' : undefined),
  });
  server = smtp;
  const attempt = send(routeTo(smtp.port).route);
  await expect.poll(() => smtp.sessions[0]?.bytes).toBeGreaterThan(HELLO_BYTES);
  smtp.sessions[0]?.write('250 this is no TLS\r\n');
  expect((await attempt).fault?.why.code).toBe('route.tls-failed');
  expect(saidInPlain(smtp)).toEqual([]);
});

test('offers TLS 1.2 and 1.3, and nothing older', async () => {
  const smtp = await startScriptedSmtp({
    offers: ['STARTTLS'],
    script: (step) => (step === 'STARTTLS' ? '220 go' : undefined),
  });
  server = smtp;
  const abort = new AbortController();
  const attempt = send(routeTo(smtp.port).route, {}, abort.signal);
  await expect.poll(() => smtp.sessions[0]?.bytes).toBeGreaterThan(HELLO_BYTES);
  abort.abort();
  await attempt;
  // The extension supported_versions (RFC 8446 section 4.2.1): type 43, length 5, a list of 4 bytes.
  expect(smtp.sessions[0]?.opening.includes(Buffer.from('002b00050403040303', 'hex'))).toBe(true);
});

test('cuts a TLS handshake that does not move', async () => {
  server = await startScriptedSmtp({
    offers: ['STARTTLS'],
    script: (step) => (step === 'STARTTLS' ? '220 go' : undefined),
  });
  const { route, clock } = routeTo(server.port);
  const attempt = send(route);
  await expect.poll(() => server?.sessions[0]?.bytes).toBeGreaterThan(HELLO_BYTES);
  await clock.advance(60_000);
  expect((await attempt).fault?.why.code).toBe('route.timeout');
});

test('reads replies that come byte by byte', async () => {
  const smtp = await serve({
    offers: [],
    script: (step) =>
      step.startsWith('MAIL') ? { deed: 'byte-by-byte', text: '250-2.1.0 a\r\n250 2.1.0 b' } : undefined,
  });
  expect(summary(await send(routeTo(smtp.port).route))).toEqual(DELIVERED);
});

const SUBMISSION = { kind: 'submission', mailbox: 'scanner@contoso.com', domain: undefined };
const basic = { kind: 'basic', password: 'pass word' };

test('says so when no sign-in is offered that fits', async () => {
  const smtp = await serve({ offers: ['AUTH XOAUTH2 NTLM'] });
  const { fault } = await send(routeTo(smtp.port, { ...SUBMISSION, auth: basic }).route);
  expect(fault).toMatchObject({ needsPerson: true, why: { code: 'route.auth-missing' } });
});

test.each([
  ['AUTH PLAIN', `AUTH PLAIN ${Buffer.from('\0scanner@contoso.com\0pass word').toString('base64')}`],
  ['AUTH PLAIN LOGIN', 'AUTH LOGIN'],
])('signs in where %s is offered', async (offer, expected) => {
  const smtp = await serve({
    offers: [offer],
    script: (step) => {
      if (step === 'AUTH LOGIN') return '334 VXNlcm5hbWU6';
      if (step === Buffer.from('scanner@contoso.com').toString('base64')) return '334 UGFzc3dvcmQ6';
      return step === Buffer.from('pass word').toString('base64') ? '235 2.7.0 ok' : undefined;
    },
  });
  const report = await send(routeTo(smtp.port, { ...SUBMISSION, auth: basic }).route);
  expect(summary(report)).toEqual(DELIVERED);
  expect(smtp.sessions[0]?.commands).toContain(expected);
});

test.each(['cut', 'reset'] as const)('opens a new connection when a kept one is %s at MAIL', async (deed) => {
  let mails = 0;
  const smtp = await serve({
    offers: ['AUTH PLAIN'],
    script: (step) => {
      if (step.startsWith('MAIL')) mails += 1;
      return step.startsWith('MAIL') && mails === 2 ? { deed } : undefined;
    },
  });
  const { route } = routeTo(smtp.port, { ...SUBMISSION, auth: basic });
  await send(route);
  expect(summary(await send(route))).toEqual(DELIVERED);
  expect(smtp.sessions).toHaveLength(2);
});

test('opens a new connection when the server has closed the kept one', async () => {
  const smtp = await serve({ offers: ['AUTH PLAIN'] });
  const { route } = routeTo(smtp.port, { ...SUBMISSION, auth: basic });
  await send(route);
  smtp.sessions[0]?.end();
  await expect.poll(() => smtp.sessions[0]?.isClosed).toBe(true);
  expect(summary(await send(route))).toEqual(DELIVERED);
  expect(smtp.sessions).toHaveLength(2);
});

const token = { holder: '', value: 'opaque', expiresAt: 9e15 };
const oauth = { kind: 'oauth', tenant: 'contoso.com', clientId: 'app', clientSecret: 'secret' };

test.each([
  ['at once', '535 5.7.3 Authentication unsuccessful'],
  ['after a 334 with JSON and an empty line', `334 ${Buffer.from('{"status":"401"}').toString('base64')}`],
])('renews a token that is refused %s', async (_name, first) => {
  const smtp = await serve({
    offers: ['AUTH LOGIN XOAUTH2'],
    script: (step) => {
      if (step.startsWith('AUTH')) return first;
      return step === '' ? '535 5.7.3 Authentication unsuccessful' : undefined;
    },
  });
  const { route, signInsAt } = routeTo(smtp.port, { ...SUBMISSION, auth: oauth, token });
  const { fault } = await send(route);
  const response = Buffer.from('user=scanner@contoso.com\x01auth=Bearer opaque\x01\x01').toString('base64');
  expect(smtp.sessions[0]?.commands).toContain(`AUTH XOAUTH2 ${response}`);
  // There is no sign-in service here, so the renewal is what fails; that it was asked is the point.
  expect(signInsAt()).toBe(1);
  expect(fault?.why.code).toBe('route.name-unknown');
});

test('every code of Node.js and OpenSSL leads to a row', () => {
  const withCode = (code: string) => Object.assign(new Error('x'), { code: 'ESOCKET', originalCode: code });
  expect(faultCodeOf(withCode('CERT_NOT_YET_VALID'))).toBe('route.certificate-not-yet-valid');
  expect(faultCodeOf(withCode('ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR'))).toBe('route.tls-alert');
  expect(faultCodeOf(withCode('ERR_SSL_SOMETHING_NEW'))).toBe('route.tls-failed');
  expect(faultCodeOf(withCode('EHOSTUNREACH'))).toBe('route.unreachable');
  expect(faultCodeOf(new Error('x', { cause: withCode('ECONNREFUSED') }))).toBe('route.refused');
  expect(faultCodeOf('no error at all')).toBe('route.connection-failed');
  expect(lookupFaultCodeOf(Object.assign(new Error('x'), { code: 'EAI_AGAIN' }))).toBe('route.names-failed');
});

test('every fault has a sentence and an advice', () => {
  for (const [code, row] of Object.entries(FAULTS)) {
    expect(row.cause, code).toMatch(/^[A-Z].+\.$/);
    expect(row.advice, code).toMatch(/^[A-Z].+\.$/);
  }
});

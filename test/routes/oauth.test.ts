/** Signing in by OAuth, with Microsoft's own library against the simulated sign-in service. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSecret } from '../../src/core/secret.ts';
import { SIGN_IN_ERRORS, signInFault } from '../../src/routes/sign-in-errors.ts';
import { type Bench, CLIENT_ID, createFacts, MAILBOX, pem, send, startBench, summary } from './bench.ts';

const DELIVERED = { 'office@contoso.com': 'delivered' };

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.stop());

const app = () => {
  const found = bench.sandbox.tenant.apps.get(CLIENT_ID);
  if (found === undefined) throw new Error('the sandbox has no app');
  return found;
};
const issued = () => bench.sandbox.tenant.tokensIssued();

test('signs in by client secret', async () => {
  expect(summary(await send(bench.oauth()))).toEqual(DELIVERED);
  expect(bench.sandbox.received()[0]?.user).toBe(MAILBOX);
});

test('signs in by client certificate', async () => {
  const { cert, key } = await bench.sandbox.issueCertificate({ names: ['scanferry'], rsa: true });
  app().certificates.push(cert);
  const route = bench.oauth({ clientSecret: undefined, certificate: { cert: pem(cert), key: pem(key) } });
  expect(summary(await send(route))).toEqual(DELIVERED);
});

test('asks for one token, also when several messages wait and after a restart', async () => {
  const route = bench.oauth();
  await Promise.all([send(route), send(route), send(route)]);
  await route.stop();
  expect(summary(await send(bench.oauth()))).toEqual(DELIVERED);
  expect(issued()).toBe(1);
});

test('renews a token five minutes before it ends', async () => {
  const route = bench.oauth();
  await send(route);
  await bench.clock.advance(3600_000 - 310_000);
  await send(route);
  expect(issued()).toBe(1);
  await bench.clock.advance(20_000);
  expect(summary(await send(route))).toEqual(DELIVERED);
  expect(issued()).toBe(2);
});

test('bridges an outage of the sign-in service with the last minutes of a token', async () => {
  const route = bench.oauth();
  await send(route);
  await bench.clock.advance(3600_000 - 120_000);
  bench.sandbox.tenant.authorityDown = true;
  expect(summary(await send(route))).toEqual(DELIVERED);
});

test('renews a refused token once and sends', async () => {
  const route = bench.oauth();
  await send(route);
  await bench.clock.advance(10_000);
  bench.sandbox.tenant.revokeTokens();
  expect(summary(await send(route))).toEqual(DELIVERED);
  expect(issued()).toBe(2);
});

test('pauses when the renewed token is refused too', async () => {
  app().mailboxes = [];
  const report = await send(bench.oauth());
  expect(report.fault).toMatchObject({ needsPerson: true, why: { code: 'reply.sign-in-refused' } });
  expect(issued()).toBe(2);
});

test('keeps a token of another application out', async () => {
  await bench.facts.put('token:mailbox', JSON.stringify({ holder: 'x', value: 'stolen', expiresAt: 9e15 }));
  expect(summary(await send(bench.oauth()))).toEqual(DELIVERED);
});

test('signs in anew when the kept token can not be read', async () => {
  const facts = {
    ...createFacts(),
    get: async () => {
      throw new Error('sealed with another key');
    },
  };
  expect(summary(await send(bench.oauth({}, { facts })))).toEqual(DELIVERED);
  expect(bench.log.lines.map(({ event }) => event)).toContain('route.token-unreadable');
});

test.each([
  ['a wrong secret', () => ({ clientSecret: createSecret('guess-me') }), 'route.sign-in.secret-wrong'],
  [
    'an expired secret',
    () => {
      for (const secret of app().secrets) secret.expiresAt = 1;
      return {};
    },
    'route.sign-in.secret-expired',
  ],
  [
    'an unknown application',
    () => ({ clientId: '00000000-0000-4000-8000-000000000000' }),
    'route.sign-in.application-unknown',
  ],
  [
    'an unknown tenant',
    () => ({ authority: bench.addresses.authority.url.replace(/\/[^/]+\/?$/, '/fabrikam.example') }),
    'route.sign-in.tenant-unknown',
  ],
  ['a wrong scope', () => ({ scope: 'https://graph.example/.default' }), 'route.sign-in.scope-wrong'],
])('explains %s and waits for a person', async (_name, arrange, code) => {
  const report = await send(bench.oauth(arrange()));
  expect(report).toMatchObject({ results: [], fault: { needsPerson: true, why: { code } } });
  expect(report.fault?.why.cause).toMatch(/\(AADSTS\d+\)/);
  expect(JSON.stringify([report, bench.log.lines])).not.toContain('guess-me');
});

test('an outage of the sign-in service heals by itself', async () => {
  bench.sandbox.tenant.authorityDown = true;
  const route = bench.oauth();
  const { fault } = await send(route);
  expect(fault).toMatchObject({ needsPerson: false, why: { code: 'route.sign-in.unavailable' } });
  bench.sandbox.tenant.authorityDown = false;
  expect(summary(await send(route))).toEqual(DELIVERED);
});

test.each([
  ['expired', 'route.certificate-expired'],
  ['wrong-name', 'route.certificate-wrong-name'],
  ['self-signed', 'route.certificate-self-signed'],
] as const)(
  'does not give the secret to a sign-in service with a certificate that is %s',
  async (kind, code) => {
    bench.sandbox.tenant.authorityCertificate = kind;
    expect((await send(bench.oauth())).fault?.why.code).toBe(code);
  },
);

test('contacts nobody but the configured authority', async () => {
  const asked = new Set<string>();
  const { resolver } = bench.deps;
  const watching = {
    resolveMx: (domain: string) => resolver.resolveMx(domain),
    resolve6: (host: string) => resolver.resolve6(host),
    resolve4: (host: string) => {
      asked.add(host);
      return resolver.resolve4(host);
    },
  };
  expect(summary(await send(bench.oauth({}, { resolver: watching })))).toEqual(DELIVERED);
  expect([...asked].sort()).toEqual([bench.addresses.authority.host, bench.addresses.submission.host].sort());
});

test('refuses a sign-in address without encryption', async () => {
  const authority = bench.addresses.authority.url.replace('https:', 'http:');
  const { fault } = await send(bench.oauth({ authority }));
  expect(fault?.why.code).toMatch(/^route\.sign-in/);
  expect(issued()).toBe(0);
});

test('a client certificate that is none pauses the route with its path', async () => {
  const broken = { cert: pem('no certificate'), key: pem('no key') };
  const { fault } = await send(bench.oauth({ clientSecret: undefined, certificate: broken }));
  expect(fault).toMatchObject({ needsPerson: true, why: { code: 'route.own-certificate-unusable' } });
  expect(fault?.why.cause).toContain('test.pem');
});

test('shows a device code, waits for nobody, and sends once the person has signed in', async () => {
  bench.sandbox.tenant.deviceCodeIntervalS = 0.01;
  const settings = { clientSecret: undefined, deviceCode: true };
  const route = bench.oauth(settings);
  const { fault, results } = await send(route);
  expect(results).toEqual([]);
  expect(fault).toMatchObject({ needsPerson: true, why: { code: 'route.sign-in.waiting' } });
  const shown = bench.log.lines.find(({ event }) => event === 'route.device-code')?.fields;
  expect(fault?.why.advice).toContain(String(shown?.['code']));
  bench.sandbox.tenant.approveDeviceCode(String(shown?.['code']), MAILBOX);
  await expect.poll(() => bench.facts.values.has('token:mailbox')).toBe(true);
  expect(summary(await send(route))).toEqual(DELIVERED);

  // After a restart, and past the end of the token, the refresh token goes on.
  await route.stop();
  await bench.clock.advance(3600_000);
  expect(summary(await send(bench.oauth(settings)))).toEqual(DELIVERED);
  expect(bench.log.lines.filter(({ event }) => event === 'route.device-code')).toHaveLength(1);
});

test('a person who declines is shown another code at the next try', async () => {
  bench.sandbox.tenant.deviceCodeIntervalS = 0.01;
  const route = bench.oauth({ clientSecret: undefined, deviceCode: true });
  const linesOf = (wanted: string) => bench.log.lines.filter(({ event }) => event === wanted);
  await send(route);
  const first = String(linesOf('route.device-code')[0]?.fields?.['code']);
  bench.sandbox.tenant.declineDeviceCode(first);
  await expect.poll(() => linesOf('route.device-code-ended')).toHaveLength(1);

  const { fault } = await send(route);
  const second = String(linesOf('route.device-code')[1]?.fields?.['code']);
  expect(second).not.toBe(first);
  expect(fault?.why.code).toBe('route.sign-in.waiting');
  expect(fault?.why.advice).toContain(second);
  await route.stop();
});

test('explains a device code that the tenant blocks', async () => {
  bench.sandbox.tenant.deviceCodeBlocked = true;
  bench.sandbox.tenant.deviceCodeIntervalS = 0.01;
  const route = bench.oauth({ clientSecret: undefined, deviceCode: true });
  const { fault } = await send(route);
  expect(fault?.needsPerson).toBe(true);
});

test('every number of the table stands in one row only', () => {
  const numbers = SIGN_IN_ERRORS.flatMap(({ aadsts }) => aadsts);
  expect(new Set(numbers).size).toBe(numbers.length);
});

test.each(SIGN_IN_ERRORS)('reads the numbers of $id', ({ id, aadsts, isPassing }) => {
  for (const number of aadsts) {
    const fault = signInFault({ failure: null, status: 400, aadsts: number });
    expect(fault.why.code).toBe(`route.sign-in.${id}`);
    expect(fault.needsPerson).toBe(!isPassing);
  }
});

test('a number that the table does not know waits for a person and is told', () => {
  const fault = signInFault({ failure: null, status: 401, aadsts: 99999 });
  expect(fault).toMatchObject({ needsPerson: true, why: { code: 'route.sign-in.refused' } });
  expect(fault.why.cause).toContain('AADSTS99999');
});

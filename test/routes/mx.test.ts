/** Direct send and connector against the simulated tenant. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { type Bench, outcomeFor, pem, send, startBench, summary } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.stop());

const EXCHANGE = 'contoso-com.mail.protection.outlook.com';
const zone = () => bench.sandbox.dns.zone;
const setMx = (...exchanges: string[]) =>
  zone().set('contoso.com', {
    MX: exchanges.map((exchange, index) => ({ exchange, preference: 10 * (index + 1) })),
  });

test('direct send looks the MX up and delivers without a sign-in', async () => {
  const report = await send(bench.directSend());
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  expect(report.upstream).toMatchObject({ host: EXCHANGE, tls: { protocol: 'TLSv1.3' } });
  expect(bench.sandbox.received()[0]).toMatchObject({ host: 'mx', user: null, ehlo: 'box.contoso.com' });
});

test('direct send carries the domains of the tenant only', () => {
  const route = bench.directSend({ domains: ['fabrikam.com'] });
  const carried = ['a@contoso.com', 'a@FABRIKAM.com', 'a@example.org', 'a'].map((one) => route.canCarry(one));
  expect(carried).toEqual([true, true, false, false]);
  expect(route.domains).toEqual(['contoso.com', 'fabrikam.com']);
});

test('messages that follow each other share a connection to port 25', async () => {
  const route = bench.directSend();
  await send(route);
  const report = await send(route);
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  expect(bench.sandbox.sessions().map(({ host }) => host)).toEqual(['mx']);
});

test('a connection to port 25 that idles is closed', async () => {
  const route = bench.directSend();
  await send(route);
  await bench.clock.advance(LIMITS.routeIdleMaxMs);
  await send(route);
  expect(bench.sandbox.sessions()).toHaveLength(2);
});

test('a busy connection is given up before Microsoft cuts it for its age', async () => {
  const route = bench.connector();
  const stepMs = LIMITS.routeIdleMaxMs - 1;
  const sent = Math.ceil(LIMITS.routeConnectionAgeMaxMs / stepMs) + 1;
  for (let count = 0; count < sent; count += 1) {
    await send(route);
    await bench.clock.advance(stepMs);
  }
  expect(bench.sandbox.sessions()).toHaveLength(1);
  await send(route);
  expect(bench.sandbox.sessions()).toHaveLength(2);
});

test('a connection that has carried its share of messages is given up', async () => {
  const route = bench.connector();
  for (let count = 0; count < LIMITS.routeMessagesPerConnectionMax; count += 1) await send(route);
  expect(bench.sandbox.sessions()).toHaveLength(1);
  await send(route);
  expect(bench.sandbox.sessions()).toHaveLength(2);
});

test('a connection to port 25 that was cut meanwhile costs no try', async () => {
  const route = bench.directSend();
  await send(route);
  bench.sandbox.tenant.replyTo({
    stage: 'mail',
    match: 'always',
    reply: '421 4.4.1 Connection timed out',
    times: 1,
  });
  const report = await send(route);
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  expect(bench.sandbox.sessions()).toHaveLength(2);
});

test('the body passes untouched but for Bcc', async () => {
  const body = 'From: <a@contoso.com>\r\nBcc: x@y.z,\r\n\tmore@y.z\r\nSubject: s\r\n\r\nBcc: stays\r\n';
  await send(bench.directSend(), { body });
  expect(bench.sandbox.received()[0]?.body?.toString()).toBe(
    'From: <a@contoso.com>\r\nSubject: s\r\n\r\nBcc: stays\r\n',
  );
});

test('direct send that the tenant rejects is a fault that names the own address', async () => {
  bench.sandbox.tenant.rejectDirectSend = true;
  const { fault, results } = await send(bench.directSend());
  expect(results).toEqual([]);
  expect(fault).toMatchObject({ needsPerson: true, why: { code: 'reply.direct-send-rejected' } });
  expect(fault?.why.cause).toContain('127.0.0.1');
});

test('a connector by address relays to the outside', async () => {
  bench.sandbox.tenant.connector = { addresses: ['127.0.0.1'], certificateName: null, authorities: [] };
  const report = await send(bench.connector(), { recipients: ['someone@example.org'] });
  expect(summary(report)).toEqual({ 'someone@example.org': 'delivered' });
});

test('a connector by certificate shows it', async () => {
  const { cert, key } = await bench.sandbox.issueCertificate({ names: ['mail.contoso.com'] });
  const authorities = [bench.addresses.caPem];
  bench.sandbox.tenant.connector = { addresses: [], certificateName: 'mail.contoso.com', authorities };
  const route = bench.connector({ certificate: { cert: pem(cert), key: pem(key) } });
  const report = await send(route, { recipients: ['someone@example.org'] });
  expect(summary(report)).toEqual({ 'someone@example.org': 'delivered' });
  expect(bench.sandbox.received()[0]?.clientCertificate).toBe('mail.contoso.com');
});

test('without a fitting connector relaying is a fault, and inside recipients still get theirs', async () => {
  bench.sandbox.tenant.connector = { addresses: ['192.0.2.1'], certificateName: null, authorities: [] };
  const report = await send(bench.connector(), { recipients: ['office@contoso.com', 'someone@example.org'] });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  expect(report.fault).toMatchObject({ needsPerson: true, why: { code: 'reply.tenant-attribution' } });
});

test('refused remainders of an envelope are due again at once', async () => {
  bench.sandbox.tenant.limits.envelopeAtMx = 1;
  const report = await send(bench.directSend(), { recipients: ['a@contoso.com', 'b@contoso.com'] });
  expect(outcomeFor(report, 'a@contoso.com')?.kind).toBe('delivered');
  expect(outcomeFor(report, 'b@contoso.com')).toMatchObject({
    kind: 'retry',
    uncertain: false,
    split: true,
    why: { code: 'reply.too-many-recipients' },
  });
});

test('a remainder is not tried at once where nobody of its envelope was taken', async () => {
  bench.sandbox.tenant.raise('452-4.5.3', { match: { recipient: 'a@contoso.com' } });
  const report = await send(bench.directSend(), { recipients: ['a@contoso.com'] });
  expect(outcomeFor(report, 'a@contoso.com')).toMatchObject({
    kind: 'retry',
    why: { code: 'reply.too-many-recipients' },
  });
  expect(outcomeFor(report, 'a@contoso.com')).not.toHaveProperty('split');
});

test('a client certificate without its key stops the start with a sentence', async () => {
  const one = await bench.sandbox.issueCertificate({ names: ['mail.contoso.com'] });
  const other = await bench.sandbox.issueCertificate({ names: ['mail.contoso.com'] });
  const make = () => bench.connector({ certificate: { cert: pem(one.cert), key: pem(other.key) } });
  expect(make).toThrow(
    expect.objectContaining({
      name: 'OperatorError',
      explanation: expect.objectContaining({ code: 'route.own-certificate-unusable' }),
    }),
  );
});

test('takes the next MX when the first has no server', async () => {
  zone().set('dead.mail.protection.outlook.com', { A: ['127.0.0.9'] });
  setMx('dead.mail.protection.outlook.com', EXCHANGE);
  const report = await send(bench.directSend());
  expect(report.upstream?.host).toBe(EXCHANGE);
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
});

test('takes the MX hosts by priority', async () => {
  zone().set('contoso.com', {
    MX: [
      { exchange: 'never-asked.contoso.com', preference: 20 },
      { exchange: EXCHANGE, preference: 5 },
    ],
  });
  expect((await send(bench.directSend())).upstream?.host).toBe(EXCHANGE);
});

test('tries every address of a host', async () => {
  zone().set(EXCHANGE, { A: ['127.0.0.9', '127.0.0.1'] });
  expect((await send(bench.directSend())).upstream?.address).toBe('127.0.0.1');
});

test('asks for IPv6 only where there is no IPv4', async () => {
  zone().set(EXCHANGE, { A: ['127.0.0.1'], AAAA: ['::1'] });
  expect((await send(bench.directSend())).upstream?.address).toBe('127.0.0.1');
  const asked: string[] = [];
  const resolver = {
    resolveMx: async () => [{ exchange: EXCHANGE, priority: 1 }],
    resolve4: async () => {
      throw Object.assign(new Error('no data'), { code: 'ENODATA' });
    },
    resolve6: async () => {
      asked.push('AAAA');
      return ['::1'];
    },
  };
  const route = bench.route(
    { id: 'six', kind: 'direct-send', domain: 'contoso.com', port: bench.addresses.mx.port },
    { resolver },
  );
  const { fault, upstream } = await send(route);
  expect(asked).toEqual(['AAAA']);
  expect(upstream?.address).toBe('::1');
  expect(fault?.why.code).toMatch(/^route\.(refused|unreachable)$/);
});

test('a host in the settings overrides the MX', async () => {
  zone().delete('contoso.com');
  const report = await send(bench.directSend({ host: EXCHANGE }));
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
});

test.each([
  ['the domain does not exist', () => zone().delete('contoso.com'), 'route.mx-unknown-domain'],
  ['the domain has no MX', () => zone().set('contoso.com', { A: ['127.0.0.1'] }), 'route.mx-missing'],
  ['the domain takes no mail', () => setMx('.'), 'route.mx-null'],
  ['the MX host does not exist', () => setMx('gone.contoso.com'), 'route.name-unknown'],
  ['the MX host has no address', () => zone().set(EXCHANGE, { TXT: ['x'] }), 'route.name-without-address'],
  [
    'the name server fails',
    () => {
      bench.sandbox.dns.mode = 'servfail';
    },
    'route.names-failed',
  ],
  [
    'the name server is silent',
    () => {
      bench.sandbox.dns.mode = 'silence';
    },
    'route.names-failed',
  ],
  ['nobody listens', () => bench.sandbox.setListening('mx', false), 'route.refused'],
])('says so when %s', async (_name, arrange, code) => {
  await arrange();
  const { fault, results } = await send(bench.directSend());
  expect(results).toEqual([]);
  expect(fault?.why.code).toBe(code);
  expect(fault?.why.cause).toMatch(/contoso/);
});

test('gives up on a name server that never answers, by the clock', async () => {
  const asked = Promise.withResolvers<void>();
  const resolveMx = () => {
    asked.resolve();
    return new Promise<never>(() => {});
  };
  const resolver = { ...bench.deps.resolver, resolveMx };
  const route = bench.route({ id: 'x', kind: 'direct-send', domain: 'contoso.com' }, { resolver });
  const attempt = send(route);
  await asked.promise;
  await bench.clock.advance(20_000);
  expect((await attempt).fault?.why.code).toBe('route.names-failed');
});

/** The simulated name server, asked by Node's own resolver. */
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import * as packet from 'dns-packet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bench, startBench } from './support.ts';

let bench: Bench;
let resolver: Resolver;
beforeAll(async () => {
  bench = await startBench();
  resolver = new Resolver({ timeout: 200, tries: 1 });
  resolver.setServers([`127.0.0.1:${bench.addresses.dns.port}`]);
});
afterAll(() => bench.stop());

test('answers MX, A and TXT of the tenant', async () => {
  const exchange = 'contoso-com.mail.protection.outlook.com';
  expect(await resolver.resolveMx('contoso.com')).toMatchObject([{ exchange, priority: 0 }]);
  expect(await resolver.resolve4(exchange)).toEqual(['127.0.0.1']);
  expect(await resolver.resolve4('SMTP.office365.com')).toEqual(['127.0.0.1']);
  expect(await resolver.resolve4('login.microsoftonline.com')).toEqual(['127.0.0.1']);
  expect(await resolver.resolveTxt('contoso.com')).toEqual([
    ['v=spf1 include:spf.protection.outlook.com -all'],
  ]);
});

test('tells an unknown name from a name without such a record', async () => {
  await expect(resolver.resolve4('fabrikam.com')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  await expect(resolver.resolve6('smtp.office365.com')).rejects.toMatchObject({ code: 'ENODATA' });
});

test('answers what the zone holds now', async () => {
  bench.sandbox.dns.zone.set('fabrikam.com', { A: ['127.0.0.7'], AAAA: ['::1'] });
  expect(await resolver.resolve4('fabrikam.com')).toEqual(['127.0.0.7']);
  expect(await resolver.resolve6('fabrikam.com')).toEqual(['::1']);
});

test('fails or stays silent on request', async () => {
  bench.sandbox.dns.mode = 'servfail';
  await expect(resolver.resolve4('contoso.com')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  bench.sandbox.dns.mode = 'silence';
  await expect(resolver.resolve4('contoso.com')).rejects.toMatchObject({ code: 'ETIMEOUT' });
  bench.sandbox.dns.mode = 'answer';
  expect(await resolver.resolveMx('contoso.com')).toHaveLength(1);
});

test('answers over TCP too, a query in two pieces', async () => {
  const socket = connect(bench.addresses.dns.port, '127.0.0.1');
  const query = packet.streamEncode({
    type: 'query',
    id: 7,
    questions: [{ type: 'MX', name: 'contoso.com' }],
  });
  socket.write(query.subarray(0, 5));
  socket.write(query.subarray(5));
  const reply = await new Promise<Buffer>((resolve, reject) => {
    socket.once('data', resolve).once('error', reject);
  });
  socket.destroy();
  expect(packet.streamDecode(reply)).toMatchObject({ id: 7, answers: [{ type: 'MX', name: 'contoso.com' }] });
});

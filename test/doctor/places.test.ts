/** The listeners and the box page, where something else answers there than the agent should: real servers in its place. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { boxAddresses } from '../../src/agent/box-addresses.ts';
import { createNameResolver } from '../../src/agent/name-resolver.ts';
import { checkConfig } from '../../src/config/load.ts';
import { type Clock, createSystemClock } from '../../src/core/clock.ts';
import { diagnose } from '../../src/doctor/run.ts';
import type { DoctorLine, Group, RunningAgent } from '../../src/doctor/types.ts';
import { openAuthority } from '../../src/intake/authority.ts';
import { freePort } from '../support/processes.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { startScriptedSmtp } from '../support/scripted-smtp.ts';
import { verdictsIn } from './bench.ts';

const DAY_MS = 24 * 3600 * 1000;
let folder: string;
const ends: (() => Promise<unknown> | unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-places-'));
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A certificate of the authority in that folder; the doctor knows the one in `data/ca`. */
async function certificateOf(directory: string, hostname = 'scanferry.local', addresses = boxAddresses()) {
  const authority = await openAuthority({
    ...{ directory: path.join(folder, directory), hostname, addresses },
    ...{ clock: createSystemClock(0), log: createQuietLog() },
  });
  return authority.certificate();
}

interface Place {
  listener?: { port: number; tls: 'starttls' | 'none'; floor?: 'legacy' | 'modern' };
  page?: number;
  more?: string;
  clock?: Clock;
}

/** What the doctor of an agent says that believes to listen there. */
async function look(
  { listener, page, more = '', clock = createSystemClock(0) }: Place,
  only: Group[] = ['listeners'],
) {
  const { port = 1, tls = 'none', floor = 'legacy' } = listener ?? {};
  const configFile = path.join(folder, 'scanferry.yaml');
  writeFileSync(
    configFile,
    `site: { id: site }
dataDir: ${path.join(folder, 'data')}
intake:
  listeners: [{ address: 127.0.0.1, port: ${port}, tls: ${tls}, floor: ${floor} }]
  trustedNetworks: [127.0.0.0/8]
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
${page === undefined ? '' : `web: { address: 127.0.0.1, port: ${page} }\n`}${more}`,
  );
  const { config } = checkConfig({ file: configFile, dataDir: undefined, env: {}, profileIds: [] });
  const notAsked = () => Promise.reject(new Error('not part of this test'));
  const agent: RunningAgent = {
    listeners: () => (listener === undefined ? [] : [{ address: '127.0.0.1', port }]),
    admits: () => true,
    webPort: () => page ?? null,
    ...{ routes: () => [], broker: () => null, changedKeys: () => [], adviceFor: () => null },
    spool: { stats: notAsked, inspect: notAsked, list: notAsked },
    facts: { get: notAsked, put: notAsked, delete: notAsked },
  };
  const lines: DoctorLine[] = [];
  const deps = {
    ...{ clock, log: createQuietLog(), config, configFindings: [], configFile, agent },
    ...{ dataDir: path.join(folder, 'data'), resolver: createNameResolver(['127.0.0.1:9']) },
    ...{ stoppedSpool: notAsked, tryBroker: notAsked, systemRoot: '/' },
  };
  for await (const line of diagnose(deps, { only }, new AbortController().signal)) lines.push(line);
  return lines;
}

async function mailServer(tls: SecureContextOptions): Promise<number> {
  const server = await startScriptedSmtp({ tls });
  ends.push(() => server.stop());
  return server.port;
}

/** The name of the line without its place. */
const told = (lines: readonly DoctorLine[]) =>
  verdictsIn(lines).map(([grade, name, code]) => [
    grade,
    name?.replace(/^(page, )?port \d+ on [\d.]+/, '$1'),
    code,
  ]);
const OLD = { minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const;

test('a listener that nobody is behind, and one that closes at once', async () => {
  expect(told(await look({ listener: { port: await freePort(), tls: 'none' } }))).toEqual([
    ['fail', '', 'doctor.listener-refused'],
  ]);
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  expect(told(await look({ listener: { port, tls: 'none' } }))).toEqual([
    ['fail', '', 'doctor.listener-silent'],
  ]);
});

test.each([
  ['as it should be', 'data/ca', undefined, 0, []],
  [
    'of another authority',
    'other',
    undefined,
    0,
    [['fail', ': certificate', 'doctor.certificate-untrusted']],
  ],
  ['for another name', 'data/ca', [], 0, [['warn', ': certificate', 'doctor.certificate-lacks']]],
  ['that ends soon', 'data/ca', undefined, 350, [['warn', ': certificate', 'doctor.certificate-expires']]],
  ['that has ended', 'data/ca', undefined, 370, [['fail', ': certificate', 'doctor.certificate-expired']]],
] as const)('a certificate %s', async (title, directory, addresses, daysAhead, expected) => {
  await certificateOf('data/ca');
  const hostname = title === 'for another name' ? 'other.local' : 'scanferry.local';
  const own = await certificateOf(
    directory,
    hostname,
    addresses === undefined ? boxAddresses() : [...addresses],
  );
  const port = await mailServer({ ...own, ...OLD });
  const clock = { ...createSystemClock(0), now: () => Date.now() + daysAhead * DAY_MS };
  const lines = await look({ listener: { port, tls: 'starttls' }, clock });
  expect(told(lines)).toEqual(expected);
});

test('TLS versions that are missing, and ones that are too old for the floor', async () => {
  const own = await certificateOf('data/ca');
  const newest = await mailServer({ ...own, minVersion: 'TLSv1.3' });
  const [line] = (await look({ listener: { port: newest, tls: 'starttls', floor: 'modern' } })).slice(-1);
  expect([line?.why?.code, line?.text]).toEqual(['doctor.version-missing', 'TLS 1.3']);
  expect(line?.why?.cause).toContain('should offer TLS 1.2,');
  const oldest = await mailServer({ ...own, ...OLD });
  const lines = await look({ listener: { port: oldest, tls: 'starttls', floor: 'modern' } });
  expect(told(lines)).toEqual([['fail', ': TLS', 'doctor.version-too-old']]);
  expect(lines.at(-1)?.why?.cause).toContain('offers TLS 1.0 and TLS 1.1, although');
});

test('a page of somebody else in place of the box page', async () => {
  const own = await certificateOf('data/ca');
  const server = createHttpsServer({ ...own, minVersion: 'TLSv1.2' }, (_, response) => {
    response.writeHead(404).end();
  });
  const page = await freePort();
  await new Promise<void>((resolve) => server.listen(page, '127.0.0.1', resolve));
  ends.push(() => server.close());
  const listener = { port: await mailServer({ ...own, ...OLD }), tls: 'none' } as const;
  const lines = await look({ listener, page });
  expect(told(lines)).toEqual([['fail', 'page, ', 'doctor.page-odd']]);
  expect(lines.find(({ name }) => name.startsWith('page'))?.text).toBe('HTTP/1.1 404 Not Found');
});

test('a broker that nothing is known of yet', async () => {
  const lines = await look({ more: 'mqtt: { url: mqtts://broker.contoso.com }\n' }, ['broker']);
  expect(verdictsIn(lines)).toEqual([['fail', 'broker.contoso.com', 'doctor.broker-untried']]);
});

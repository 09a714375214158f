/** The clock of the box against an HTTPS answer of the sign-in service and a time server. */
import { createSocket, type Socket } from 'node:dgram';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createNameResolver } from '../../src/agent/name-resolver.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { type Clock, createSystemClock } from '../../src/core/clock.ts';
import { CLOCK_CHECKS } from '../../src/doctor/clock.ts';
import { runChecks } from '../../src/doctor/run.ts';
import { systemTimeServers } from '../../src/doctor/time-servers.ts';
import type { DoctorLine } from '../../src/doctor/types.ts';
import { routeLines, siteLines, startTenantSite, type TenantSite } from '../flows/support/upstream.ts';
import { createQuietLog } from '../support/quiet-log.ts';

let site: TenantSite;
let directory: string;
let config: Config;
let server: Socket;
let timeServer: string;
/** What the time server says, beside the time of this machine; null says that it does not know. */
let serverAheadMs: number | null;

beforeAll(async () => {
  site = await startTenantSite();
  directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-clock-'));
  writeFileSync(path.join(directory, 'ca.pem'), site.addresses.caPem);
  const file = path.join(directory, 'scanferry.yaml');
  writeFileSync(file, `${siteLines(site.addresses.dns)}routes:\n${routeLines(site.addresses).oauth}`);
  config = loadConfig({ file, env: { CLIENT_SECRET: 'x' }, profileIds: [] }).config;
  server = createSocket('udp4');
  server.on('message', (request, { address, port }) => server.send(answerTo(request), port, address));
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  timeServer = `127.0.0.1:${server.address().port}`;
});
afterAll(async () => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
  await site.stop();
});
afterEach(() => {
  site.sandbox.tenant.authorityDown = false;
  serverAheadMs = 0;
});

const NTP_TO_UNIX_S = 2_208_988_800;

/** RFC 4330: mode 4, the client's own time repeated, both times of the server. */
function answerTo(request: Buffer): Buffer {
  const reply = Buffer.alloc(48);
  reply[0] = serverAheadMs === null ? 0xe4 : 0x24;
  reply[1] = serverAheadMs === null ? 0 : 2;
  request.copy(reply, 24, 40, 48);
  const now = Date.now() + (serverAheadMs ?? 0);
  for (const at of [32, 40]) {
    reply.writeUInt32BE(Math.floor(now / 1000) + NTP_TO_UNIX_S, at);
    reply.writeUInt32BE(Math.floor(((now % 1000) / 1000) * 2 ** 32), at + 4);
  }
  return reply;
}

async function look(
  aheadMs: number,
  parts: { isSet?: boolean; servers?: string[]; config?: Config | null } = {},
) {
  const system = createSystemClock(0);
  const clock: Clock = { ...system, now: () => system.now() + aheadMs, isSet: () => parts.isSet ?? true };
  const notHere = (): never => {
    throw new Error('not part of this test');
  };
  const lines: DoctorLine[] = [];
  const deps = {
    ...{ clock, log: createQuietLog(), configFindings: [], configFile: null, agent: null },
    ...{ dataDir: directory, systemRoot: directory, stoppedSpool: notHere, tryBroker: notHere },
    ...{
      config: parts.config === undefined ? config : parts.config,
      timeServers: parts.servers ?? [timeServer],
    },
    resolver: createNameResolver(config.dns?.servers ?? null),
  };
  for await (const line of runChecks(CLOCK_CHECKS, deps, new AbortController().signal)) lines.push(line);
  return lines[0];
}

test('is right when both say so', async () => {
  serverAheadMs = 0;
  const line = await look(0);
  expect(line).toMatchObject({ grade: 'ok', text: expect.stringMatching(/^right within [1-3] s$/) });
  expect(line?.detail).toEqual([
    expect.stringMatching(/^login\.microsoftonline\.com:\d+: this box is \d\.\d\d s (ahead|behind)$/),
    expect.stringMatching(/^127\.0\.0\.1: this box is \d\.\d\d s (ahead|behind)$/),
  ]);
});

test.each([
  [30_000, 'warn', 'ahead of'],
  [-400_000, 'fail', 'behind'],
] as const)('is off by %d ms: %s', async (aheadMs, grade, words) => {
  serverAheadMs = 0;
  const line = await look(aheadMs);
  expect(line).toMatchObject({ grade, why: { code: 'doctor.clock-off' } });
  expect(line?.why?.cause).toMatch(new RegExp(`is \\d+ seconds ${words} `));
});

test('is not compared with a time server that does not know the time, nor with one that is silent', async () => {
  serverAheadMs = null;
  const line = await look(0);
  expect(line).toMatchObject({ grade: 'ok' });
  expect(line?.detail[1]).toContain('does not know the time itself');
});

test('nobody to ask is a warning that names who was asked', async () => {
  const closed = await look(0, { servers: ['nowhere.contoso.com'], config: null });
  expect(closed).toMatchObject({ grade: 'warn', why: { code: 'doctor.clock-unknown' } });
  expect(closed?.why?.cause).toContain('nowhere.contoso.com: ENOTFOUND');
});

test('that is not set stops everything, and is told before anybody is asked', async () => {
  expect(await look(0, { isSet: false })).toMatchObject({
    grade: 'fail',
    why: { code: 'doctor.clock-unset' },
  });
});

test('the time servers of timesyncd and chrony are found, else those of Debian', async () => {
  const root = path.join(directory, 'root');
  expect(await systemTimeServers(root)).toEqual(['0.debian.pool.ntp.org']);
  mkdirSync(path.join(root, 'etc/systemd/timesyncd.conf.d'), { recursive: true });
  mkdirSync(path.join(root, 'etc/chrony/sources.d'), { recursive: true });
  writeFileSync(
    path.join(root, 'etc/systemd/timesyncd.conf.d/site.conf'),
    '[Time]\nNTP=time.contoso.com 192.0.2.9\n',
  );
  writeFileSync(path.join(root, 'etc/chrony/sources.d/site.sources'), 'server ntp.contoso.com iburst\n');
  expect(await systemTimeServers(root)).toEqual(['time.contoso.com', '192.0.2.9', 'ntp.contoso.com']);
});

/** `scanferry fleet` as the command line runs it, against a real Mosquitto and room report of real sites. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { OperatorError } from '../../src/core/errors.ts';
import { createSecret } from '../../src/core/secret.ts';
import { makeKey } from '../../src/fleet/keys.ts';
import type { BrokerRequest, SendRequest, WatchRequest } from '../../src/fleet/request.ts';
import { runSend, runWatch } from '../../src/run/fleet.ts';
import { observe } from '../report/support/observer.ts';
import { PAUSED, startTestSite, type TestSite, type TestSiteOptions } from '../report/support/site.ts';
import { createTestCertificates, type TestCertificates } from '../support/certificates.ts';
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { runCommand } from '../support/processes.ts';
import { testRun } from './support/output.ts';
import { type SimulatedSite, simulatedSite } from './support/simulated-site.ts';

let mosquitto: Mosquitto;
let certificates: TestCertificates;
let folder: string;
let closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'scanferry-fleet-'));
  certificates = await createTestCertificates({ names: ['localhost'], addresses: ['127.0.0.1'] });
  const { certFile, keyFile } = await certificates.server('valid');
  mosquitto = await startMosquitto({
    passwords: { watcher: 'watch-word', 'berlin-hq': 'b', 'paris-depot': 'p' },
    tls: { caFile: certificates.caFile, certFile, keyFile },
  });
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  closers = [];
  for (const site of ['berlin-hq', 'paris-depot']) await forget(site);
});
afterAll(async () => {
  await mosquitto.stop();
  await certificates.remove();
  await rm(folder, { recursive: true });
});

/** Takes a site away, as docs/howto/watch-many-sites.md says. */
async function forget(site: string): Promise<void> {
  const access = ['-h', '127.0.0.1', '-p', `${mosquitto.port}`, '-u', 'watcher', '-P', 'watch-word'];
  const topics = ['-t', `scanferry/v1/${site}/#`, '--remove-retained', '--retained-only', '-W', '1'];
  await runCommand('mosquitto_sub', [...access, ...topics]);
}

async function site(id: string, more: Partial<TestSiteOptions> = {}): Promise<TestSite> {
  const { settings, ...rest } = more;
  const password = createSecret(id.slice(0, 1));
  const made = await startTestSite({ url: mosquitto.url, id, settings: { password, ...settings }, ...rest });
  closers.push(() => made.stop());
  // Online is what it says when it hears commands.
  const seen = await observe(
    mosquitto.url.replace('://', '://watcher:watch-word@'),
    `scanferry/v1/${id}/status`,
  );
  try {
    await seen.until(({ text }) => text === 'online', `${id} online`);
  } finally {
    await seen.stop();
  }
  return made;
}

async function broker(): Promise<BrokerRequest> {
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, 'watch-word\n');
  return { url: mosquitto.url, username: 'watcher', passwordFile, ca: undefined, certificate: undefined };
}

async function watchRequest(more: Partial<WatchRequest> = {}): Promise<WatchRequest> {
  const nothing = { group: undefined, onAlert: undefined, metrics: undefined, web: undefined };
  return { broker: await broker(), once: true, json: false, ...nothing, ...more };
}

test('--once prints the worst site first and ends with 1 while one fails, and with 0 when none does', async () => {
  const berlin = await site('berlin-hq');
  await site('paris-depot');
  berlin.health.say([PAUSED]);
  const failing = testRun();
  expect(await runWatch(await watchRequest(), failing.deps)).toBe(1);
  const [count, , head, first, second] = failing.lines;
  expect(count).toBe('2 sites: 1 fail, 1 ok');
  expect(head).toMatch(/^STATE +SITE +QUEUE +OLDEST +SEEN +WHAT IS WRONG$/);
  expect(first).toMatch(/^FAIL +berlin-hq .* Microsoft 365 refused the sign-in\.$/);
  expect(second).toMatch(/^OK +paris-depot /);

  berlin.health.say([]);
  await berlin.report.stop();
  await forget('berlin-hq');
  const well = testRun();
  expect(await runWatch(await watchRequest({ json: true }), well.deps)).toBe(0);
  expect(well.values).toMatchObject([[{ site: 'paris-depot', level: 'ok', reach: 'online', problem: null }]]);
});

test('comes over TLS with a client certificate, and says what is wrong when the authority is not named', async () => {
  await site('berlin-hq');
  const { certFile: cert, keyFile: key } = await certificates.client('watcher');
  const url = `mqtts://127.0.0.1:${mosquitto.tlsPort}`;
  const base = { ...(await broker()), url, certificate: { cert, key } };
  const secure = testRun();
  expect(
    await runWatch(await watchRequest({ broker: { ...base, ca: certificates.caFile } }), secure.deps),
  ).toBe(0);
  expect(secure.lines[0]).toBe('1 site: 1 ok');
  const refused: OperatorError = await runWatch(await watchRequest({ broker: base }), testRun().deps).catch(
    (error) => error,
  );
  expect(refused.explanation.code).toBe('fleet.broker-unreachable');
  expect(refused.explanation.cause).toContain('certificate');
});

test('a wrong password is one sentence', async () => {
  const passwordFile = path.join(folder, 'wrong');
  await writeFile(passwordFile, 'guess');
  const request = await watchRequest({ broker: { ...(await broker()), passwordFile } });
  await expect(runWatch(request, testRun().deps)).rejects.toMatchObject({
    explanation: { code: 'fleet.broker-unreachable', cause: expect.stringContaining('does not let') },
  });
});

test('a site that goes silent is told once, and its return once, to the log and to the command of the operator', async () => {
  const file = path.join(folder, 'alerts');
  const url = mosquitto.url.replace('mqtt://', 'mqtt://paris-depot:p@');
  const paris: SimulatedSite = simulatedSite(url, 'paris-depot');
  await paris.connect();
  const run = testRun();
  const onAlert = `echo "$SCANFERRY_SITE $SCANFERRY_ALERT" >> '${file}'; cat >> '${file}'`;
  const watching = runWatch(await watchRequest({ once: false, onAlert }), run.deps);
  await paris.cut();
  await run.line(/ALERT paris-depot offline: The box lost its connection/);
  await paris.connect();
  await run.line(/RECOVERED paris-depot: this is over: The box lost its connection/);
  run.stop();
  expect(await watching).toBe(0);
  expect(run.lines).toHaveLength(2);
  const told = (await readFile(file, 'utf8')).split('\n');
  expect(told.filter((line) => line.startsWith('paris-depot'))).toEqual([
    'paris-depot offline',
    'paris-depot recovered',
  ]);
  expect(JSON.parse(told[1] ?? '')).toMatchObject({ site: 'paris-depot', kind: 'offline' });
  await paris.cut();
});

test('the numbers for Prometheus pass the check of promtool', async () => {
  const berlin = await site('berlin-hq');
  berlin.health.say([PAUSED]);
  const run = testRun();
  const watching = runWatch(
    await watchRequest({ once: false, json: true, metrics: '127.0.0.1:0' }),
    run.deps,
  );
  const [, url = ''] = await run.line(/Numbers for Prometheus: (\S+)/);
  let text = '';
  while (!text.includes('scanferry_site_grade{site="berlin-hq"} 2')) {
    const answer = await fetch(url);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    text = await answer.text();
  }
  expect(text).toContain('scanferry_site_info{site="berlin-hq",name="Berlin HQ",version="1.2.3"} 1');
  expect(text).toContain('scanferry_fleet_broker_up 1');
  expect((await fetch(url.replace('/metrics', '/'))).status).toBe(404);
  const check = await runCommand('promtool', ['check', 'metrics'], { input: text });
  expect(`${check.stdout}${check.stderr}`).toBe('');
  expect(check.code).toBe(0);
  run.stop();
  await watching;
});

test('a signed command goes to each site that is named, and the worst outcome is the exit code', async () => {
  const key = makeKey(path.join(folder, 'office'));
  expect((await stat(key.privateFile)).mode & 0o777).toBe(0o600);
  const publicKey = { path: key.publicFile, text: await readFile(key.publicFile, 'utf8') };
  const commandKeys = [{ id: key.id, publicKey, verbs: ['flush' as const] }];
  const berlin = await site('berlin-hq', { settings: { commandKeys } });
  await site('paris-depot', { settings: { commandKeys } });
  const request: SendRequest = {
    ...{ broker: await broker(), key: { file: key.privateFile, id: undefined }, json: false, waitMs: 20_000 },
    ...{ sites: ['berlin-hq', 'paris-depot'], verb: 'flush', args: {} },
  };
  const good = testRun();
  expect(await runSend(request, good.deps)).toBe(0);
  expect(good.lines.toSorted()).toEqual([
    'berlin-hq  flush succeeded  {"done":"flush"}',
    'paris-depot  flush succeeded  {"done":"flush"}',
  ]);
  expect(berlin.asked).toMatchObject([{ verb: 'flush', by: 'mqtt:office' }]);

  const refused = testRun();
  expect(await runSend({ ...request, sites: [], verb: 'restart', json: true }, refused.deps)).toBe(1);
  const why = { code: expect.any(String) };
  expect(refused.values[0]).toHaveLength(2);
  expect(refused.values[0]).toEqual(
    expect.arrayContaining(
      ['berlin-hq', 'paris-depot'].map((id) => expect.objectContaining({ site: id, state: 'rejected' })),
    ),
  );
  expect(refused.values[0]).toMatchObject([{ why }, { why }]);
  expect(() => makeKey(path.join(folder, 'office'))).toThrow(/already/);
});

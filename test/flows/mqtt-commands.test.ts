/** Signed commands to the whole agent over a real broker: what is refused and why, and what each verb does. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { catalogueOf } from '../../src/agent/profile-packs.ts';
import { type Clock, createSystemClock } from '../../src/core/clock.ts';
import { rawProfiles } from '../../src/profiles/catalogue.generated.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import type { CatalogueFile } from '../../src/profiles/check.ts';
import { signPack } from '../../src/profiles/pack.ts';
import { generateKey, readPrivateKey } from '../../src/report/signing.ts';
import { createFastClock } from '../report/support/fast-clock.ts';
import { type Observer, observe } from '../report/support/observer.ts';
import { bundleFile } from '../support/bundle.ts';
import { startChildSite } from '../support/child-site.ts';
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { freePort, startProcess } from '../support/processes.ts';
import {
  type MqttSite,
  mqttLine,
  type Office,
  type Order,
  openOffice,
  pinnedKey,
  ROOT,
  scan,
  startMqttSite,
} from './support/mqtt-site.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const KEY = generateKey();

interface Command {
  broker: Mosquitto;
  seen: Observer;
  office: Office;
  site: MqttSite;
  /** The line of the config for this broker, or for another one. */
  line(url?: string): string;
}

/** A site that obeys the office in these verbs, once it listens. */
async function command(verbs: readonly string[], clock?: Clock): Promise<Command> {
  const broker = await startMosquitto();
  cleanups.push(() => broker.stop());
  const seen = await observe(broker.url, 'scanferry/#');
  cleanups.push(() => seen.stop());
  const line = (url = broker.url) => mqttLine(url, pinnedKey(verbs));
  const files = { 'office.pub.pem': KEY.publicPem };
  const site = await startMqttSite([line()], clock === undefined ? { files } : { files, clock });
  cleanups.push(() => site.stop());
  // Numbers come after it has subscribed.
  await seen.json(`${ROOT}/telemetry`);
  return { broker, seen, office: openOffice(seen, KEY), site, line };
}

const rejectedFor = (code: string) => (event: Record<string, unknown>) =>
  event['type'] === 'command.rejected' && JSON.stringify(event['data']).includes(`"${code}"`);
const ofType = (type: string) => (event: Record<string, unknown>) => event['type'] === type;

describe('a command is rejected with its reason, in the answer and in an event, when it', () => {
  const stranger = generateKey();
  const HOUR_MS = 3_600_000;
  const cases: [string, string, Order][] = [
    ['is for another site', 'command.other-site', { site: 'paris' }],
    ['is signed for another verb than its topic says', 'command.other-verb', { topicVerb: 'retry' }],
    ['has expired', 'command.expired', { now: Date.now() - HOUR_MS }],
    ['is of the future', 'command.not-yet', { now: Date.now() + HOUR_MS }],
    ['would live for a week', 'command.life-too-long', { lifeMs: 7 * 24 * HOUR_MS }],
    ['names a key that is not pinned', 'command.unknown-key', { keyId: 'stranger' }],
    [
      'is signed by somebody else under our name',
      'command.bad-signature',
      { privatePem: stranger.privatePem },
    ],
  ];
  test('is foreign, misdirected, late, early, too long-lived, by a stranger, or a forgery', async () => {
    const { office, seen, site } = await command(['flush', 'retry']);
    for (const [why, code, order] of cases) {
      const answer = await office.ask('flush', {}, order);
      expect({ why, state: answer.state, code: answer.why?.code }).toEqual({ why, state: 'rejected', code });
      await seen.json(`${ROOT}/event`, rejectedFor(code));
    }
    expect(site.agent.log.lines.filter(({ event }) => event === 'command.finished')).toEqual([]);
  });

  test('asks for what the key may not', async () => {
    const { office } = await command(['flush']);
    expect(await office.ask('restart')).toMatchObject({
      state: 'rejected',
      why: { code: 'command.verb-not-allowed' },
    });
  });

  test('is not signed: nobody can be answered, the event says it', async () => {
    const { office, seen } = await command(['flush']);
    await office.order('flush', {}, { token: JSON.stringify({ site: 'site', verb: 'flush' }) });
    await seen.json(`${ROOT}/event`, rejectedFor('command.not-signed'));
  });

  test('was retained by the broker, however well it is signed', async () => {
    const { office, seen, site } = await command(['flush']);
    await site.agent.stop({ keep: true });
    await office.order('flush', {}, { retain: true });
    await site.restart();
    await seen.json(`${ROOT}/event`, rejectedFor('command.retained'));
    expect(seen.heard.some(({ topic }) => topic.startsWith(`${ROOT}/rsp/`))).toBe(false);
  });

  test('comes a second time, also after a restart of the agent', async () => {
    const { office, seen, site } = await command(['flush']);
    const { nonce, token } = await office.order('flush', {});
    expect(await office.answer(nonce)).toMatchObject({ state: 'succeeded' });
    const rejections = () =>
      seen.heard.filter(({ topic, text }) => topic === `${ROOT}/event` && text.includes('command.replayed'));
    await office.order('flush', {}, { token });
    await seen.json(`${ROOT}/event`, rejectedFor('command.replayed'));
    await site.restart();
    await seen.json(`${ROOT}/info`, ({ connection }) => connection === 2);
    await seen.json(
      `${ROOT}/event`,
      (event) => event['type'] === 'agent.started' && Number(event['seq']) > 2,
    );
    await office.order('flush', {}, { token });
    await expect.poll(() => rejections().length, { timeout: 10_000 }).toBe(2);
    const { events } = { events: await site.agent.agent.rooms.spool.events(0, 1000) };
    expect(events.filter(({ type }) => type === 'command.finished')).toHaveLength(1);
  });

  test('comes while the box does not know the time', async () => {
    const clock: Clock = { ...createSystemClock(0), isSet: () => false };
    const { office } = await command(['flush'], clock);
    expect(await office.ask('flush')).toMatchObject({
      state: 'rejected',
      why: { code: 'command.clock-unset' },
    });
  });
});

describe('a command that is obeyed', () => {
  test('leaves its trace: who, what, and what became of it', async () => {
    const { office, seen } = await command(['flush']);
    const { nonce } = await office.order('flush', {});
    expect(await office.answer(nonce)).toMatchObject({ verb: 'flush', result: { changed: 0, skipped: 0 } });
    const states = seen.heard.filter(({ topic }) => topic === `${ROOT}/rsp/${nonce}`);
    expect(states.map(({ text }) => JSON.parse(text).state)).toEqual(['accepted', 'running', 'succeeded']);
    expect(await seen.json(`${ROOT}/event`, ofType('command.received'))).toMatchObject({
      data: { verb: 'flush', key: 'office', nonce },
    });
    expect(await seen.json(`${ROOT}/event`, ofType('command.finished'))).toMatchObject({
      data: { verb: 'flush', key: 'office', nonce, outcome: 'succeeded', code: null },
    });
  });

  test('holds, releases and retries messages, and pauses and resumes a route, in the name of its key', async () => {
    const { office, seen, site } = await command(['hold', 'release', 'retry', 'pause-route', 'resume-route']);
    expect(await office.ask('pause-route', { id: 'direct' })).toMatchObject({ result: { state: 'paused' } });
    await scan(site.agent.port());
    expect(await office.ask('hold', { recipient: 'anna@contoso.com' })).toMatchObject({
      result: { changed: 1 },
    });
    expect(await office.ask('retry')).toMatchObject({
      state: 'failed',
      why: { code: 'command.bad-arguments' },
    });
    expect(await office.ask('retry', { all: true })).toMatchObject({ result: { changed: 0, skipped: 1 } });
    expect(await office.ask('release', { all: true })).toMatchObject({ result: { changed: 1 } });
    expect(await office.ask('resume-route', { id: 'direct' })).toMatchObject({ state: 'succeeded' });
    await site.agent.settled(1);
    expect(await seen.json(`${ROOT}/event`, ofType('message.released'))).toMatchObject({
      data: { by: 'mqtt:office' },
    });
    expect(await office.ask('pause-route', { id: 'nowhere' })).toMatchObject({
      ...{ state: 'failed', why: { code: 'control.unknown-route' } },
    });
    expect(await office.ask('hold', { recipent: 'x' })).toMatchObject({
      why: { code: 'command.bad-arguments', cause: expect.stringContaining('recipent') },
    });
  });

  test('sends a test scan and says how it went, or why it did not arrive', async () => {
    const { office, site } = await command(['send-test', 'pause-route']);
    const arrived = await office.ask('send-test', { to: ['anna@contoso.com'] });
    expect(arrived).toMatchObject({ state: 'succeeded', result: { steps: expect.any(Array) } });
    expect(site.sandbox.received()).toHaveLength(1);
    await office.ask('pause-route', { id: 'direct' });
    const waits = await office.ask('send-test', { to: ['anna@contoso.com'], waitMs: 1000 });
    expect(waits).toMatchObject({ state: 'failed', why: { code: 'command.test-not-delivered' } });
    expect(waits.why?.cause).toMatch(/still in the box/);
  });

  test('examines the site: what is not well comes first', async () => {
    const { office } = await command(['doctor', 'pause-route']);
    await office.ask('pause-route', { id: 'direct' });
    const { state, result } = await office.ask('doctor');
    const { lines } = result as { lines: { grade: string; group: string; name: string; why: unknown }[] };
    expect(state).toBe('succeeded');
    expect(lines.map(({ group }) => group)).toEqual(
      expect.arrayContaining(['box', 'config', 'routes', 'broker']),
    );
    const firstWell = lines.findIndex(({ grade }) => grade === 'ok');
    expect(lines.slice(firstWell).every(({ grade }) => grade === 'ok')).toBe(true);
    expect(lines.find(({ name }) => name === 'direct: sending')).toMatchObject({ why: expect.any(Object) });
  });

  test('makes a support bundle that is fetched part by part', async () => {
    const { office } = await command(['support-bundle']);
    const made = (await office.ask('support-bundle')).result as {
      name: string;
      bytes: number;
      parts: number;
    };
    const parts: Buffer[] = [];
    for (let part = 1; part <= made.parts; part += 1) {
      const { result } = await office.ask('support-bundle', { name: made.name, part });
      parts.push(Buffer.from((result as { content: string }).content, 'base64'));
    }
    expect(Buffer.concat(parts)).toHaveLength(made.bytes);
  });

  test('searches a network and tells what it found', async () => {
    const { office } = await command(['discover'], createFastClock(10));
    expect(await office.ask('discover', { network: '8.8.8.0/24' })).toMatchObject({
      ...{ state: 'failed', why: { code: expect.stringMatching(/^discovery\./) } },
    });
    expect(await office.ask('discover', { network: '127.0.0.9' })).toMatchObject({
      result: { summary: { asked: 1 }, devices: [], leftOff: 0 },
    });
  });

  test('restarts: the answer is out before the end', async () => {
    const { office, site } = await command(['restart']);
    expect(await office.ask('restart')).toMatchObject({ state: 'succeeded' });
    await site.agent.agent.restartAsked;
    await site.restart();
  });
});

describe('set-config', () => {
  const configOf = (site: MqttSite) =>
    readFileSync(path.join(site.agent.directory, 'scanferry.yaml'), 'utf8');
  const send = (site: MqttSite, ...more: string[]) => `dataDir: data\n${site.yaml(...more)}`;

  test('keeps a good config after its window, and the former one beside it', async () => {
    const { office, site, seen, line } = await command(['set-config'], createFastClock(20));
    const before = configOf(site);
    const config = send(site, line(), 'web: { address: 127.0.0.1, port: 0 }');
    expect(await office.ask('set-config', { config, windowSeconds: 60 })).toMatchObject({
      ...{ state: 'succeeded', result: { changed: ['web'], warnings: [] } },
    });
    expect(configOf(site)).toBe(config);
    expect(await office.ask('set-config', { config })).toMatchObject({
      why: { code: 'config.trial-running' },
    });
    expect(await seen.json(`${ROOT}/event`, ofType('config.tried'))).toMatchObject({
      data: { by: 'mqtt:office' },
    });
    await seen.json(`${ROOT}/event`, ofType('config.kept'));
    expect(configOf(site)).toBe(config);
    expect(readFileSync(path.join(site.agent.directory, 'scanferry.yaml.previous'), 'utf8')).toBe(before);
  });

  test('refuses what is wrong, with every fault, and touches nothing', async () => {
    const { office, site, line } = await command(['set-config']);
    const before = configOf(site);
    const wrong = send(site, line(), 'colour: blue', 'web: { port: 99999 }');
    const answer = await office.ask('set-config', { config: wrong });
    expect(answer).toMatchObject({ state: 'failed', why: { code: 'config.invalid' } });
    expect(answer.why?.cause).toMatch(/web\.port: .*colour: /s);
    const moved = send(site, line()).replace('id: site', 'id: paris');
    expect(await office.ask('set-config', { config: moved })).toMatchObject({
      why: { code: 'config.needs-restart' },
    });
    expect(configOf(site)).toBe(before);
  });

  test('goes back when the broker is lost with it, and says so on the former one', async () => {
    // Slow enough that on a busy machine the answer still goes out before the connection is cut (brokerGoodbyeMaxMs).
    const { office, site, seen, line } = await command(['set-config'], createFastClock(6));
    const before = configOf(site);
    const config = send(site, line(`mqtt://127.0.0.1:${await freePort()}`));
    expect(await office.ask('set-config', { config, windowSeconds: 60 })).toMatchObject({
      state: 'succeeded',
    });
    const rolledBack = await seen.json(`${ROOT}/event`, ofType('config.rolled-back'));
    expect(rolledBack).toMatchObject({
      data: { by: 'mqtt:office', changed: ['mqtt'], code: expect.stringMatching(/^(mqtt|config)\./) },
    });
    expect(configOf(site)).toBe(before);
    expect(await office.ask('set-config', { config: before })).toMatchObject({ state: 'succeeded' });
  });

  test('goes back when a route is worse, also when the agent was restarted in the window', async () => {
    const { office, site, seen, line } = await command(['set-config', 'pause-route'], createFastClock(20));
    const before = configOf(site);
    const config = send(site, line(), 'web: { address: 127.0.0.1, port: 0 }');
    await office.ask('set-config', { config, windowSeconds: 3600 });
    await site.restart('found');
    await seen.json(`${ROOT}/info`, ({ connection }) => connection === 2);
    await office.ask('pause-route', { id: 'direct' });
    expect(await seen.json(`${ROOT}/event`, ofType('config.rolled-back'))).toMatchObject({
      data: { code: 'route.paused-by-operator' },
    });
    expect(configOf(site)).toBe(before);
  });
});

describe('update-profiles', () => {
  const id = 'generic/plain';
  const plain = rawProfiles.find(({ path: name }) => name === `${id}/profile.json`)?.json as object;
  const profile = (own: string, title: string): CatalogueFile => ({
    ...{ path: `${own}/profile.json`, text: JSON.stringify({ ...plain, id: own, title }) },
  });
  /** The built-in profile under another title, so that the two can be told apart. */
  const renamed = (title: string) => profile(id, title);
  const packOf = (files: CatalogueFile[], more: { keyId?: string; pem?: string; now?: number } = {}) =>
    signPack({
      files,
      key: readPrivateKey(more.pem ?? KEY.privatePem),
      keyId: more.keyId ?? 'office',
      now: more.now ?? Date.now(),
    });
  const stored = (site: MqttSite) => catalogueOf(path.join(site.agent.directory, 'data'), builtInCatalogue());

  test('uses the profiles of a signed pack at once, after a restart, and no longer once it is removed', async () => {
    const { office, seen, site, line } = await command(['update-profiles', 'set-config']);
    const pack = await packOf([renamed('Renamed'), profile('acme/one', 'Added')]);
    expect(await office.ask('update-profiles', { pack })).toMatchObject({
      result: { profiles: 2, known: rawProfiles.length + 1 },
    });
    expect(await seen.json(`${ROOT}/event`, ofType('profiles.updated'))).toMatchObject({
      data: { by: 'mqtt:office', profiles: 2 },
    });
    expect(stored(site).get(id)?.title).toBe('Renamed');
    const before = `dataDir: data\n${site.yaml(line())}`;
    const withDevice = before.replace(
      'devices: []',
      'devices: [{ id: copier-2f, address: 127.0.0.2, profile: acme/one }]',
    );
    expect(await office.ask('set-config', { config: withDevice })).toMatchObject({ state: 'succeeded' });
    await site.restart('found');
    await seen.json(`${ROOT}/info`, ({ connection }) => connection === 2);
    const isIgnored = ({ type }: { type: string }) => type === 'profiles.ignored';
    expect((await site.agent.agent.rooms.spool.events(0, 1000)).filter(isIgnored)).toEqual([]);
    expect(await office.ask('update-profiles', { pack: null })).toMatchObject({
      why: { code: 'profiles.pack-in-use' },
    });
    const file = path.join(site.agent.directory, 'scanferry.yaml');
    writeFileSync(file, before);
    await site.agent.agent.reload('kim');
    expect(await office.ask('update-profiles', { pack: null })).toMatchObject({
      result: { profiles: 0, known: rawProfiles.length },
    });
    expect(stored(site).get(id)?.title).not.toBe('Renamed');
  });

  test('refuses one that is older, faulty, torn, or not signed by a key that may', async () => {
    const { office, site } = await command(['update-profiles']);
    const now = Date.now();
    const codeOf = async (pack: string) => (await office.ask('update-profiles', { pack })).why?.code;
    expect(await codeOf(await packOf([renamed('One')], { now }))).toBeUndefined();
    expect(await codeOf(await packOf([renamed('Two')], { now: now - 60_000 }))).toBe('profiles.pack-older');
    const [faulty] = [{ ...renamed('Three'), text: '{ "id": "x" }' }];
    expect(await codeOf(await packOf([faulty]))).toBe('profiles.pack-faulty');
    const stranger = generateKey().privatePem;
    expect(await codeOf(await packOf([renamed('Four')], { pem: stranger }))).toBe(
      'profiles.pack-bad-signature',
    );
    expect(await codeOf(await packOf([renamed('Five')], { keyId: 'paris' }))).toBe(
      'profiles.pack-unknown-key',
    );
    expect(await codeOf('not.a.pack')).toBe('profiles.pack-unreadable');
    expect(stored(site).get(id)?.title).toBe('One');
  });

  test('leaves a stored pack out when its key is no longer trusted', async () => {
    const { office, seen, site, line } = await command(['update-profiles', 'flush']);
    await office.ask('update-profiles', { pack: await packOf([renamed('Once')]) });
    site.agent.rewrite(site.yaml(line().replace('update-profiles, ', '')));
    await site.restart('found');
    expect(await seen.json(`${ROOT}/event`, ofType('profiles.ignored'))).toMatchObject({
      data: { code: 'profiles.pack-unknown-key' },
    });
  });
});

describe('the process', () => {
  test('ends cleanly after a restart is answered, and starts with the former config where the one on trial keeps it from starting', async () => {
    const broker = await startMosquitto();
    cleanups.push(() => broker.stop());
    const seen = await observe(broker.url, 'scanferry/#');
    cleanups.push(() => seen.stop());
    const folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-keys-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const [publicKey, gone] = [path.join(folder, 'office.pub.pem'), path.join(folder, 'gone.pem')];
    for (const file of [publicKey, gone]) writeFileSync(file, KEY.publicPem);
    const keyLine = (id: string, file: string) =>
      `{ id: ${id}, publicKey: ${file}, verbs: [restart, set-config] }`;
    const lineOf = (...keys: string[]) => mqttLine(broker.url, `commandKeys: [${keys.join(', ')}]`);
    const office = openOffice(seen, KEY);
    const site = await startChildSite({ more: [lineOf(keyLine('office', publicKey))] });
    cleanups.push(() => site.stop());
    await seen.json(`${ROOT}/telemetry`);
    const before = readFileSync(site.config, 'utf8');
    const changed = before.replace(
      keyLine('office', publicKey),
      `${keyLine('office', publicKey)}, ${keyLine('second', gone)}`,
    );
    expect(await office.ask('set-config', { config: changed })).toMatchObject({ state: 'succeeded' });
    await seen.json(`${ROOT}/info`, ({ connection }) => connection === 2);
    await seen.json(`${ROOT}/event`, ofType('config.tried'));
    expect(await office.ask('restart')).toMatchObject({ state: 'succeeded' });
    expect(await site.agent.waitForExit()).toEqual({ code: 0, signal: null });
    rmSync(gone);
    const again = startProcess(process.execPath, [await bundleFile(), 'run', '--config', site.config]);
    cleanups.push(() => again.stop());
    expect(await seen.json(`${ROOT}/event`, ofType('config.rolled-back'))).toMatchObject({
      data: { by: 'mqtt:office', code: 'config.invalid' },
    });
    expect(readFileSync(site.config, 'utf8')).toBe(before);
  });
});

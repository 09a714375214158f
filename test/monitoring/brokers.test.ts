/** Access lists of the brokers: Mosquitto by itself, EMQX by the rules of its file. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSecret } from '../../src/core/secret.ts';
import { startTestSite } from '../report/support/site.ts';
import { ALL_TOPICS, OTHER, RIGHTS, SITE, STAFF } from './support/access.ts';
import { type EmqxRule, isAllowed, readRules } from './support/emqx-rules.ts';
import { type GuardedBroker, PACKAGING, passwordOf, startGuardedBroker } from './support/guarded-broker.ts';

/** Keeps the topics heard; `until` resolves when one was heard so often. */
function hearing(client: MqttClient): {
  heard: string[];
  until(topic: string, count?: number): Promise<void>;
} {
  const heard: string[] = [];
  const watchers = new Set<() => void>();
  client.on('message', (topic) => {
    heard.push(topic);
    for (const watcher of watchers) watcher();
  });
  return {
    heard,
    until: (topic, count = 1) =>
      new Promise((resolve) => {
        const look = () => {
          if (heard.filter((each) => each === topic).length >= count) resolve();
        };
        watchers.add(look);
        look();
      }),
  };
}

/** Writes each topic by the first of these who may; topic → who wrote it. */
async function writeAll(writers: readonly MqttClient[]): Promise<Map<string, MqttClient>> {
  const written = new Map<string, MqttClient>();
  for (const topic of ALL_TOPICS)
    for (const writer of writers)
      if (!written.has(topic) && (await isTaken(writer, topic))) written.set(topic, writer);
  return written;
}

/** Whether the broker takes it; MQTT 5 says so in the acknowledgement. */
async function isTaken(client: MqttClient, topic: string): Promise<boolean> {
  try {
    await client.publishAsync(topic, 'x', { qos: 1 });
    return true;
  } catch (error) {
    if (error instanceof Error && /Not authorized/i.test(error.message)) return false;
    throw error;
  }
}

describe('Mosquitto', () => {
  let broker: GuardedBroker;
  beforeAll(async () => {
    broker = await startGuardedBroker([SITE, OTHER, ...STAFF]);
  });
  afterAll(() => broker.stop());

  test.each(RIGHTS)('lets $user write what it may, and nothing else', async ({ user, writes }) => {
    const client = await broker.connect(user, { clientId: `writer-${user}` });
    const taken: string[] = [];
    for (const topic of ALL_TOPICS) if (await isTaken(client, topic)) taken.push(topic);
    expect(taken.sort()).toEqual([...writes].sort());
    await client.endAsync(true);
  });

  test.each(RIGHTS)('lets $user hear what it may, and nothing else', async ({ user, hears }) => {
    const names = [SITE, OTHER, 'it.fleet', 'it.homeassistant'];
    const writers = await Promise.all(names.map((name) => broker.connect(name, { clientId: `w-${name}` })));
    // The other listener: on that of the sites, a second connection of the same site ends the first.
    const listener = await broker.connect(user, { clientId: `listener-${user}`, url: broker.staffUrl });
    const ears = hearing(listener);
    await listener.subscribeAsync('#', { qos: 1 });
    const written = await writeAll(writers);
    expect(written.size).toBeGreaterThan(20);
    const expected = hears.filter((topic) => written.has(topic));
    // Said once more after all others: what was said before it has come by then.
    const last = expected[0] ?? '';
    await written.get(last)?.publishAsync(last, 'x', { qos: 1 });
    await ears.until(last, 2);
    expect([...new Set(ears.heard)].sort()).toEqual([...expected].sort());
    for (const client of [listener, ...writers]) await client.endAsync(true);
  });

  test('publishes no will of a site on the status of another', async () => {
    const fleet = await broker.connect('it.fleet');
    const ears = hearing(fleet);
    const said: string[] = [];
    fleet.on('message', (_topic, payload) => said.push(payload.toString('utf8')));
    await fleet.subscribeAsync('scanferry/v1/#', { qos: 1 });
    for (const [site, of] of [
      [SITE, OTHER],
      [OTHER, OTHER],
    ] as const) {
      const will = {
        topic: `scanferry/v1/${of}/status`,
        payload: Buffer.from(`of ${site}`),
        qos: 1 as const,
      };
      const client = await broker.connect(site, { will }).catch(() => null);
      client?.stream.destroy();
      await broker.logged(new RegExp(`Client ${site} closed its connection`));
    }
    await ears.until(`scanferry/v1/${OTHER}/status`);
    expect(said).toEqual([`of ${OTHER}`]);
    await fleet.endAsync(true);
  });

  test('lets no site push another off by its client id', async () => {
    const paris = await broker.connect(OTHER, { clientId: OTHER });
    let isClosed = false;
    paris.on('close', () => {
      isClosed = true;
    });
    const berlin = await broker.connect(SITE, { clientId: OTHER });
    expect(await isTaken(berlin, `scanferry/v1/${SITE}/info`)).toBe(true);
    expect(await isTaken(paris, `scanferry/v1/${OTHER}/info`)).toBe(true);
    expect(isClosed).toBe(false);
    for (const client of [paris, berlin]) await client.endAsync(true);
  });

  test.each([
    ['nobody', { username: '', password: '' }],
    ['a site with a wrong password', { username: SITE, password: 'guess' }],
    ['an unknown site', { username: 'rome', password: 'rome-password' }],
  ])('lets %s in nowhere', async (_who, login) => {
    for (const url of [broker.siteUrl, broker.staffUrl])
      await expect(broker.connect(SITE, { url, ...login })).rejects.toThrow(/Not authorized/i);
  });

  test('carries the whole life of a site, and its announcement to Home Assistant', async () => {
    const fleet = await broker.connect('it.fleet', { clientId: 'watching-fleet' });
    const home = await broker.connect('it.homeassistant', { clientId: 'watching-home' });
    const ears = [hearing(fleet), hearing(home)];
    await fleet.subscribeAsync('scanferry/v1/+/#', { qos: 1 });
    await home.subscribeAsync('homeassistant/#', { qos: 1 });
    const site = await startTestSite({
      ...{ url: broker.siteUrl, id: SITE },
      settings: {
        ca: { path: 'ca.pem', text: broker.certificates.ca },
        ...{ password: createSecret(passwordOf(SITE)), homeAssistant: true, homeAssistantButtons: true },
      },
    });
    await ears[0]?.until(`scanferry/v1/${SITE}/telemetry`);
    await ears[1]?.until(`homeassistant/device/${SITE}/scanferry/config`);
    expect(site.log.lines.filter(({ event }) => event.includes('refused'))).toEqual([]);
    await site.stop();
    for (const client of [fleet, home]) await client.endAsync(true);
  });
});

describe('Mosquitto with client certificates', () => {
  test('knows a site by the name in its certificate', async () => {
    const broker = await startGuardedBroker([...STAFF], (config) =>
      config.replace('#require_certificate', 'require_certificate').replace('#use_identity', 'use_identity'),
    );
    const { cert, key } = await broker.certificates.client(SITE);
    const client = await broker.connect(SITE, { isNameless: true, cert, key });
    expect(await isTaken(client, `scanferry/v1/${SITE}/info`)).toBe(true);
    expect(await isTaken(client, `scanferry/v1/${OTHER}/info`)).toBe(false);
    await expect(broker.connect(SITE, { isNameless: true })).rejects.toThrow();
    await broker.stop();
  });
});

describe('EMQX', () => {
  let rules: EmqxRule[] = [];
  beforeAll(async () => {
    rules = readRules(await readFile(path.join(PACKAGING, 'emqx/acl.conf'), 'utf8'));
  });

  test.each(RIGHTS)('lets $user write what it may, and nothing else', ({ user, writes }) => {
    const allowed = ALL_TOPICS.filter((topic) => isAllowed(rules, { user, action: 'publish', topic }));
    expect(allowed.sort()).toEqual([...writes].sort());
  });

  test.each(RIGHTS)('lets $user subscribe to what it may hear, and nothing else', ({ user, hears }) => {
    // Of no use to those, and one rule less; Mosquitto has one for everybody.
    const isSpared = ['it.fleet', 'it.monitor'].includes(user);
    const wanted = hears.filter((topic) => !(isSpared && topic === 'homeassistant/status'));
    const allowed = ALL_TOPICS.filter((topic) => isAllowed(rules, { user, action: 'subscribe', topic }));
    expect(allowed.sort()).toEqual([...wanted].sort());
  });

  test.each([
    [SITE, `scanferry/v1/${SITE}/cmd/+`, true],
    [SITE, 'scanferry/v1/+/cmd/+', false],
    [SITE, 'scanferry/v1/+/status', false],
    [SITE, 'scanferry/v1/#', false],
    [SITE, '#', false],
    ['it.fleet', 'scanferry/v1/+/status', true],
    ['it.fleet', 'scanferry/v1/#', true],
    ['it.fleet', '#', false],
    ['it.monitor', 'scanferry/v1/+/telemetry', true],
    ['it.monitor', 'scanferry/v1/#', false],
    ['it.somebody', 'scanferry/v1/it.somebody/status', false],
    ['', 'scanferry/v1//status', false],
  ])('answers %s who asks for %s: %s', (user, topic, expected) => {
    expect(isAllowed(rules, { user, action: 'subscribe', topic })).toBe(expected);
  });
});

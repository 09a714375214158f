/** The announcement to Home Assistant: against its schema, and its templates against what a site publishes. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startMosquitto } from '../support/mosquitto.ts';
import { poll } from '../support/poll.ts';
import { openTestSpool } from '../support/spool.ts';
import { createFastClock } from './support/fast-clock.ts';
import { fullReadings, withReading } from './support/full-health.ts';
import { faultsOf, stateOf } from './support/home-assistant-schema.ts';
import { type Observer, observe } from './support/observer.ts';
import { renderTemplates } from './support/render.ts';
import { startTestSite, type TestSite, type TestSiteOptions, testDevice } from './support/site.ts';

type Json = Record<string, unknown>;

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const TOPIC = 'homeassistant/device/berlin-hq/scanferry/config';
const ROOT = 'scanferry/v1/berlin-hq';
const SEEN_AT = Date.UTC(2026, 5, 17, 8, 30, 15);
const READINGS = fullReadings({ routes: ['mail-box'], devices: ['copier-2f'] });

interface Scene {
  url: string;
  seen: Observer;
  site: TestSite;
  announcement: Json;
  components: Record<string, Json>;
}

/** A site that is announced, with a reading of every metric. */
async function announced(options: Omit<TestSiteOptions, 'url'> = {}): Promise<Scene> {
  const { url, stop } = await startMosquitto();
  cleanups.push(stop);
  const seen = await observe(url, '#');
  cleanups.push(() => seen.stop());
  const site = await startTestSite({
    ...{ url, clock: createFastClock(20), readings: READINGS },
    devices: [testDevice('copier-2f', { lastSeenAt: SEEN_AT })],
    ...options,
    settings: { homeAssistant: true, homeAssistantButtons: true, ...options.settings },
  });
  cleanups.push(() => site.stop());
  const announcement = await seen.json(TOPIC);
  await seen.json(`${ROOT}/telemetry`);
  return { url, seen, site, announcement, components: componentsOf(announcement) };
}

function componentsOf(announcement: Json): Record<string, Json> {
  return announcement['components'] as Record<string, Json>;
}

function latest(seen: Observer, topic: string): string {
  const found = seen.heard.findLast((message) => message.topic === topic);
  if (found === undefined) throw new Error(`nothing was said on ${topic}`);
  return found.text;
}

/** What Home Assistant would show of each entity that has a state. */
async function states({ components, seen }: Pick<Scene, 'components' | 'seen'>): Promise<Json> {
  const shown = Object.entries(components).filter(([, { state_topic: topic }]) => topic !== undefined);
  const rendered = await renderTemplates(
    shown.map(([, component]) => ({
      template: String(component['value_template']),
      payload: latest(seen, String(component['state_topic'])),
    })),
  );
  return Object.fromEntries(
    shown.map(([id, component], index) => [id, stateOf(component, rendered[index] ?? '')]),
  );
}

async function attributes({ components, seen }: Scene, id: string): Promise<unknown> {
  const component = components[id] ?? {};
  const [rendered = ''] = await renderTemplates([
    {
      template: String(component['json_attributes_template']),
      payload: latest(seen, String(component['json_attributes_topic'])),
    },
  ]);
  return JSON.parse(rendered);
}

describe('a site that is well', () => {
  let scene: Scene;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    scene = await announced({ facts: { url: 'https://192.168.50.9/' } });
    // Kept until the last of these tests.
    const kept = cleanups.splice(0);
    stop = async () => {
      for (const cleanup of kept.reverse()) await cleanup();
    };
  });
  afterAll(() => stop());

  test('is announced by the schema of Home Assistant, retained, each entity once', () => {
    const { announcement, components, seen } = scene;
    expect(faultsOf(TOPIC, announcement)).toEqual([]);
    expect(seen.heard.find(({ topic }) => topic === TOPIC)).toMatchObject({ retain: true });
    expect(announcement['device']).toMatchObject({
      identifiers: ['scanferry-berlin-hq'],
      ...{ name: 'Berlin HQ', sw_version: '1.2.3', configuration_url: 'https://192.168.50.9/' },
    });
    expect(Object.keys(components)).toEqual([
      ...[
        'problem',
        'grade',
        'cause',
        'update',
        'queue',
        'held',
        'failed',
        'oldest',
        'room_used',
        'disk_used',
      ],
      ...['temperature', 'route_mail-box', 'device_copier-2f_seen', 'device_copier-2f_problem'],
      ...['flush', 'send_test'],
    ]);
  });

  test('names topics of its own alone, beside the release that is meant for all', () => {
    const topics = JSON.stringify(scene.announcement).match(/scanferry\/v1\/[^"]+/g) ?? [];
    expect(topics.length).toBeGreaterThan(10);
    expect(topics.filter((topic) => !topic.startsWith(`${ROOT}/`))).toEqual(['scanferry/v1/release']);
  });

  test('shows as such', async () => {
    const telemetry = JSON.parse(latest(scene.seen, `${ROOT}/telemetry`)) as Json;
    expect(await states(scene)).toEqual({
      ...{ problem: 'OFF', grade: 'ok', cause: 'none', update: '1.2.3' },
      queue: telemetry['spool_waiting_count'],
      held: telemetry['spool_held_count'],
      failed: telemetry['spool_failed_24h_count'],
      oldest: telemetry['spool_oldest_age_s'],
      room_used: telemetry['spool_quota_used_percent'],
      disk_used: telemetry['box_disk_used_percent'],
      temperature: telemetry['box_temperature_celsius'],
      ...{ 'route_mail-box': 'open', 'device_copier-2f_seen': SEEN_AT, 'device_copier-2f_problem': 'OFF' },
    });
    expect(await attributes(scene, 'problem')).toEqual({ problems: [] });
  });

  test('is announced again when Home Assistant starts', async () => {
    const { seen } = scene;
    const isAnnouncement = ({ topic }: { topic: string }) => topic === TOPIC;
    const before = seen.heard.filter(isAnnouncement).length;
    await seen.publish('homeassistant/status', 'online');
    await seen.until(
      (message) => isAnnouncement(message) && seen.heard.filter(isAnnouncement).length > before,
    );
  });

  test('has buttons that do what they say', async () => {
    const { components, seen, site } = scene;
    for (const id of ['flush', 'send_test']) {
      const { command_topic: topic, payload_press: press } = components[id] ?? {};
      await seen.publish(String(topic), String(press), { qos: 1 });
    }
    await poll(async () => (site.asked.length === 2 ? true : null), 'both commands');
    expect(site.asked.map(({ verb, by }) => [verb, by])).toEqual([
      ['flush', 'home-assistant'],
      ['send-test', 'home-assistant'],
    ]);
  });
});

describe('the announcement', () => {
  test('offers no button where the site would not obey it', async () => {
    const { announcement, components } = await announced({ settings: { homeAssistantButtons: false } });
    expect(faultsOf(TOPIC, announcement)).toEqual([]);
    expect(Object.values(components).filter(({ platform }) => platform === 'button')).toEqual([]);
  });

  test('of a route and a device that are gone takes their entities away, before their topics are cleared', async () => {
    const store = await openTestSpool();
    cleanups.push(() => store.close());
    const first = await announced({ store });
    await first.site.stop();
    const seen = await observe(first.url, '#');
    cleanups.push(() => seen.stop());
    const again = await startTestSite({
      ...{ url: first.url, clock: createFastClock(20), store, readings: READINGS, devices: [] },
      facts: { routes: [], devices: [] },
      settings: { homeAssistant: true },
    });
    cleanups.push(() => again.stop());
    const gone = await seen.json(
      TOPIC,
      (each) => componentsOf(each)['route_mail-box']?.['name'] === undefined,
    );
    expect(faultsOf(TOPIC, gone)).toEqual([]);
    expect(componentsOf(gone)).toMatchObject({
      'route_mail-box': { platform: 'sensor' },
      'device_copier-2f_seen': { platform: 'sensor' },
      'device_copier-2f_problem': { platform: 'binary_sensor' },
      flush: { platform: 'button' },
    });
    expect(Object.keys(componentsOf(gone)['route_mail-box'] ?? {})).toEqual(['platform']);
    const cleared = await seen.until(
      ({ topic, text }) => topic === `${ROOT}/device/copier-2f/state` && text === '',
    );
    const removed = seen.heard.findLast(({ topic }) => topic === TOPIC);
    expect(removed && seen.heard.indexOf(removed)).toBeLessThan(seen.heard.indexOf(cleared));
    await again.stop();
    const third = await startTestSite({
      ...{ url: first.url, clock: createFastClock(20), store, readings: READINGS, devices: [] },
      facts: { routes: [], devices: [] },
      settings: { homeAssistant: true },
    });
    cleanups.push(() => third.stop());
    await seen.json(TOPIC, (each) => !('route_mail-box' in componentsOf(each)));
  });

  test('is taken back when the config wants none any more', async () => {
    const store = await openTestSpool();
    cleanups.push(() => store.close());
    const first = await announced({ store });
    await first.site.stop();
    const again = await startTestSite({ url: first.url, store, settings: { homeAssistant: false } });
    cleanups.push(() => again.stop());
    await first.seen.until(({ topic, text }) => topic === TOPIC && text === '');
  });
});

describe('the templates', () => {
  test('show what is wrong, in as many characters as a state may have', async () => {
    const why = {
      code: 'route.sign-in.refused',
      cause: `Refused "it" & <more>: ${'x'.repeat(300)}`,
      advice: 'Renew.',
    };
    const scene = await announced({
      readings: withReading(READINGS, 'route_state', { value: 'paused', grade: 'fail', why }),
      devices: [
        testDevice('copier-2f', {
          lastSeenAt: null,
          tls: null,
          profile: null,
          waiting: 7,
          grade: 'warn',
          why,
        }),
      ],
    });
    expect(await states(scene)).toMatchObject({
      ...{ problem: 'ON', grade: 'fail', cause: why.cause.slice(0, 255), 'route_mail-box': 'paused' },
      ...{ 'device_copier-2f_seen': null, 'device_copier-2f_problem': 'ON' },
    });
    expect(await attributes(scene, 'problem')).toEqual({
      problems: [{ key: 'route_state_mail_box', grade: 'fail', ...why }],
    });
    expect(await attributes(scene, 'device_copier-2f_problem')).toEqual({
      ...{ profile: null, tls: null, waiting: 7, problem: why },
    });
  });

  test('show as unknown what a box has no sensor for, and a route that health has not looked at', async () => {
    const scene = await announced({
      readings: withReading(READINGS, 'box_temperature_celsius', { value: null }).filter(
        ({ metric }) => metric.name !== 'route_state',
      ),
    });
    expect(await states(scene)).toMatchObject({ temperature: null, 'route_mail-box': null });
  });
});

describe('the check against the schema', () => {
  const sensor = { platform: 'sensor', name: 'A', unique_id: 'a', state_topic: 'a' };
  const announcement = (component: Json) => ({
    ...{ device: { identifiers: ['a'], name: 'A' }, origin: { name: 'A' }, components: { a: component } },
    availability: [{ topic: 'a' }],
  });

  test.each([
    [{ ...sensor, state_clas: 'measurement' }, 'a: unknown key state_clas'],
    [
      { ...sensor, device_class: 'duration', unit_of_measurement: 'seconds' },
      'a: unit seconds with duration',
    ],
    [
      { ...sensor, device_class: 'timestamp', state_class: 'measurement' },
      'a: state_class measurement with timestamp',
    ],
    [{ ...sensor, options: ['x'] }, 'a: options without the class enum'],
    [{ platform: 'button', name: 'A', unique_id: 'a' }, 'a: no command_topic'],
    [{ ...sensor, entity_category: 'config' }, 'a: entity_category'],
    [{ ...sensor, state_topic: 'a/+' }, 'a: state_topic is no topic'],
  ])('finds the fault of %j', (component, fault) => {
    expect(faultsOf(TOPIC, announcement(component))).toEqual([fault]);
  });
});

/** What a site tells a real broker, through restarts of either side. */
import { afterEach, describe, expect, test } from 'vitest';
import { type Mosquitto, type MosquittoOptions, startMosquitto } from '../support/mosquitto.ts';
import { acceptTestMessage, openTestSpool, type TestSpool } from '../support/spool.ts';
import { createFastClock } from './support/fast-clock.ts';
import { type Observer, observe } from './support/observer.ts';
import { startProxy } from './support/proxy.ts';
import { CONNACK_5, startScriptedBroker } from './support/scripted-broker.ts';
import {
  PAUSED,
  startTestSite,
  type TestSite,
  type TestSiteOptions,
  testDevice,
  WAITING,
} from './support/site.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function broker(options?: MosquittoOptions): Promise<Mosquitto> {
  const started = await startMosquitto(options);
  cleanups.push(() => started.stop());
  return started;
}

async function site(options: TestSiteOptions): Promise<TestSite> {
  const started = await startTestSite(options);
  let isStopped = false;
  const stop = async () => {
    if (!isStopped) await started.stop();
    isStopped = true;
  };
  cleanups.push(stop);
  return { ...started, stop };
}

async function observer(url: string, filter?: string): Promise<Observer> {
  const started = await observe(url, filter);
  cleanups.push(() => started.stop());
  return started;
}

async function openStore(): Promise<TestSpool> {
  const store = await openTestSpool();
  cleanups.push(() => store.close());
  return store;
}

const ROOT = 'scanferry/v1/berlin-hq';
const online =
  (text: string) =>
  ({ topic, text: payload }: { topic: string; text: string }) =>
    topic === `${ROOT}/status` && payload === text;

describe('a site that connects', () => {
  test('tells its birth, info, health, devices, events and numbers', async () => {
    const { url } = await broker();
    const seen = await observer(url, 'scanferry/#');
    const store = await openStore();
    await store.spool.record({ type: 'agent.started', data: { version: '1.2.3' } });
    await site({ url, store });
    expect(await seen.until(online('online'))).toMatchObject({ retain: true });
    expect(await seen.json(`${ROOT}/info`)).toMatchObject({
      ...{ site: 'berlin-hq', name: 'Berlin HQ', version: '1.2.3', host: 'box', address: '127.0.0.1' },
      ...{ connection: 1, config: 'abc', running: true, telemetry_s: 60 },
    });
    expect(await seen.json(`${ROOT}/health`)).toMatchObject({
      ...{ grade: 'ok', grade_num: 0, problems: [] },
      metrics: { spool_waiting_count: { value: 3, unit: 'count', grade: 'ok' } },
    });
    expect(await seen.json(`${ROOT}/device/copier-2f/state`)).toMatchObject({
      id: 'copier-2f',
      grade_num: 0,
    });
    expect(await seen.json(`${ROOT}/telemetry`)).toMatchObject({ grade_num: 0, spool_waiting_count: 3 });
    expect(await seen.json(`${ROOT}/event`)).toMatchObject({
      id: 'berlin-hq-1',
      seq: 1,
      type: 'agent.started',
    });
    expect(seen.heard[0]).toMatchObject({ topic: `${ROOT}/status`, text: 'online' });
    const isRetained = Object.fromEntries(
      seen.heard.map(({ topic, retain }) => [topic.slice(ROOT.length), retain]),
    );
    expect(isRetained).toEqual({
      ...{ '/status': true, '/info': true, '/health': true, '/device/copier-2f/state': true },
      ...{ '/telemetry': false, '/event': false },
    });
  });

  test('says goodbye when it stops: off because somebody wanted it', async () => {
    const { url } = await broker();
    const seen = await observer(url, 'scanferry/#');
    const started = await site({ url });
    await seen.until(online('online'));
    await started.stop();
    await seen.json(`${ROOT}/info`, ({ running }) => running === false);
    await seen.until(online('offline'));
    expect(seen.heard.filter(online('offline'))).toHaveLength(1);
  });

  test('is off for a late subscriber when its connection was cut, and on again when it is back', async () => {
    const { url, port, logged } = await broker();
    const proxy = await startProxy(port);
    cleanups.push(() => proxy.stop());
    await site({ url: `mqtt://127.0.0.1:${proxy.port}`, clock: createFastClock(20) });
    const seen = await observer(url, `${ROOT}/status`);
    await seen.until(online('online'));
    proxy.cut();
    await logged(/Client berlin-hq closed its connection/);
    const late = await observer(url, `${ROOT}/status`);
    expect(await late.until(() => true)).toMatchObject({ text: 'offline', retain: true });
    proxy.mend();
    await late.until(online('online'));
  });

  test('tells everything again to a broker that was killed and has forgotten it', async () => {
    const { url, kill, restart } = await broker();
    const started = await site({ url, clock: createFastClock(20) });
    const before = await observer(url, 'scanferry/#');
    await before.json(`${ROOT}/info`, ({ connection }) => connection === 1);
    await kill();
    started.health.say([WAITING, PAUSED]);
    await restart();
    const after = await observer(url, 'scanferry/#');
    await after.json(`${ROOT}/info`, ({ connection }) => connection === 2);
    await after.until(online('online'));
    expect(await after.json(`${ROOT}/health`)).toMatchObject({ grade: 'fail' });
    await after.json(`${ROOT}/device/copier-2f/state`);
  });

  test('says online again when the will of an earlier connection comes late', async () => {
    const { url } = await broker();
    const seen = await observer(url, `${ROOT}/status`);
    await site({ url });
    await seen.until(online('online'));
    await seen.publish(`${ROOT}/status`, 'offline', { qos: 1, retain: true });
    await seen.until((message) => online('online')(message) && seen.heard.indexOf(message) > 1);
  });
});

describe('health', () => {
  test('is told at once when a grade changes, with a sentence', async () => {
    const { url } = await broker();
    const seen = await observer(url, 'scanferry/#');
    const { health } = await site({ url, clock: createFastClock(10) });
    await seen.json(`${ROOT}/health`);
    health.say([WAITING, PAUSED]);
    expect(await seen.json(`${ROOT}/health`, ({ grade }) => grade === 'fail')).toMatchObject({
      grade_num: 2,
      problems: [
        {
          ...{ key: 'route_state_mail_box', grade: 'fail', code: 'route.sign-in.refused' },
          ...{ cause: 'Microsoft 365 refused the sign-in.', advice: 'Renew it.' },
        },
      ],
    });
  });

  test('is not told again while only its numbers change', async () => {
    const { url } = await broker();
    const seen = await observer(url, 'scanferry/#');
    const { health } = await site({ url });
    await seen.json(`${ROOT}/telemetry`);
    for (const value of [4, 5, 6]) health.say([{ ...WAITING, value }]);
    health.devices = [testDevice('copier-2f', { accepted: 2 })];
    health.say([{ ...WAITING, value: 7 }]);
    await seen.json(`${ROOT}/device/copier-2f/state`, ({ accepted }) => accepted === 2);
    expect(seen.heard.filter(({ topic }) => topic === `${ROOT}/health`)).toHaveLength(1);
  });

  test('gives telemetry in numbers only: states as their grade, truths as 0 and 1, nothing for the unknown', async () => {
    const { url } = await broker();
    const seen = await observer(url, 'scanferry/#');
    const { health } = await site({ url, clock: createFastClock(50) });
    const truth = { ...WAITING, metric: { ...WAITING.metric, name: 'spool_accepting' }, value: true };
    const unknown = {
      ...WAITING,
      metric: { ...WAITING.metric, name: 'box_temperature_celsius' },
      value: null,
    };
    health.say([WAITING, PAUSED, truth, unknown]);
    const { ts, ...numbers } = await seen.json(`${ROOT}/telemetry`, (value) => 'spool_accepting' in value);
    expect(numbers).toEqual({
      grade_num: 2,
      spool_waiting_count: 3,
      route_state_mail_box: 2,
      spool_accepting: 1,
    });
    expect(ts).toBeTypeOf('number');
  });
});

describe('devices', () => {
  test('that are gone are cleared from the broker, also when the agent was restarted in between', async () => {
    const { url } = await broker();
    const store = await openStore();
    const first = await site({ url, store, devices: [testDevice('copier-2f'), testDevice('old-fax')] });
    const seen = await observer(url, 'scanferry/#');
    await seen.json(`${ROOT}/device/old-fax/state`);
    await seen.json(`${ROOT}/telemetry`);
    await first.stop();
    await site({ url, store, devices: [testDevice('copier-2f')] });
    await seen.until(({ topic, text }) => topic === `${ROOT}/device/old-fax/state` && text === '');
  });
});

describe('events', () => {
  const seqs = (seen: Observer) =>
    seen.heard
      .filter(({ topic }) => topic === `${ROOT}/event`)
      .map(({ text }) => (JSON.parse(text) as { seq: number }).seq);

  test('of hours offline are told later, in order, each once', async () => {
    const { url, kill, restart } = await broker();
    const store = await openStore();
    const { report } = await site({ url, store, clock: createFastClock(50) });
    const before = await observer(url, 'scanferry/#');
    await before.json(`${ROOT}/telemetry`);
    await kill();
    for (let count = 0; count < 150; count += 1) await acceptTestMessage(store);
    await restart();
    const after = await observer(url, 'scanferry/#');
    await after.json(`${ROOT}/event`, ({ seq }) => seq === 150);
    expect(seqs(after)).toEqual(Array.from({ length: 150 }, (_, index) => index + 1));
    expect(report.state().isConnected).toBe(true);
  });

  test('are not told again after a clean restart', async () => {
    const { url } = await broker();
    const store = await openStore();
    const seen = await observer(url, 'scanferry/#');
    const first = await site({ url, store });
    await acceptTestMessage(store);
    await seen.json(`${ROOT}/event`, ({ seq }) => seq === 1);
    await first.stop();
    await acceptTestMessage(store);
    await site({ url, store });
    await seen.json(`${ROOT}/event`, ({ seq }) => seq === 2);
    expect(seqs(seen)).toEqual([1, 2]);
  });

  test('hold no body and no subject', async () => {
    const { url } = await broker();
    const store = await openStore();
    const seen = await observer(url, 'scanferry/#');
    await site({ url, store });
    await acceptTestMessage(store, {}, 'Subject: salary-of-ann\r\n\r\nsecret-page\r\n');
    await seen.json(`${ROOT}/event`);
    expect(JSON.stringify(seen.heard)).not.toMatch(/salary-of-ann|secret-page/);
  });

  test('write the cursor seldom', async () => {
    const { url } = await broker();
    const store = await openStore();
    const writes: string[] = [];
    const spool = {
      ...store.spool,
      putFact: (room: string, key: string, value: unknown) => {
        writes.push(key);
        return store.spool.putFact(room, key, value);
      },
    };
    const seen = await observer(url, 'scanferry/#');
    const started = await site({ url, store: { ...store, spool } });
    for (let count = 0; count < 30; count += 1) await acceptTestMessage(store);
    await seen.json(`${ROOT}/event`, ({ seq }) => seq === 30);
    expect(writes).toEqual(['connection', 'devices']);
    await started.stop();
    expect(writes).toEqual(['connection', 'devices', 'event-cursor']);
  });
});

describe('a broker that never acknowledges', () => {
  test('keeps nobody waiting: messages are accepted as before, and the stop takes its time and no more', async () => {
    const fake = await startScriptedBroker(() => CONNACK_5);
    cleanups.push(() => fake.stop());
    const store = await openStore();
    const started = await site({ url: fake.url, store });
    await fake.connects(1);
    const startedAt = performance.now();
    for (let count = 0; count < 50; count += 1) await acceptTestMessage(store);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(fake.bytesReceived()).toBeLessThan(64 * 1024);
    const stoppedAt = performance.now();
    await started.stop();
    expect(performance.now() - stoppedAt).toBeLessThan(6000);
  });
});

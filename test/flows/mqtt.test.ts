/** The whole agent and its broker: what it tells, what it obeys, and that no broker ever slows a scan. */
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import type { HealthPayload } from '../../src/report/payloads.ts';
import { createFastClock } from '../report/support/fast-clock.ts';
import { type Observer, observe } from '../report/support/observer.ts';
import { startProxy } from '../report/support/proxy.ts';
import { CONNACK_5, startScriptedBroker } from '../report/support/scripted-broker.ts';
import { type Mosquitto, type MosquittoOptions, startMosquitto } from '../support/mosquitto.ts';
import { freePort } from '../support/processes.ts';
import { type MqttSite, mqttLine, ROOT, type SiteOptions, scan, startMqttSite } from './support/mqtt-site.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function broker(options?: MosquittoOptions): Promise<Mosquitto> {
  const started = await startMosquitto(options);
  cleanups.push(() => started.stop());
  return started;
}

async function watch(url: string, filter = 'scanferry/#'): Promise<Observer> {
  const started = await observe(url, filter);
  cleanups.push(() => started.stop());
  return started;
}

async function site(more: string[], options?: SiteOptions): Promise<MqttSite> {
  const started = await startMqttSite(more, options);
  cleanups.push(() => started.stop());
  return started;
}

const status = (text: string) => (message: { topic: string; text: string }) =>
  message.topic === `${ROOT}/status` && message.text === text;
const ofType = (type: string) => (event: Record<string, unknown>) => event['type'] === type;

/** The problem of the one route; the machine that runs the test may have others. */
function routeProblem(health: Record<string, unknown>): { code: string } | undefined {
  const { problems } = health as unknown as HealthPayload;
  return problems.find(({ key }) => key === 'route_state_direct');
}

describe('a site with a broker', () => {
  test('tells its life: birth, scan, route fault and repair with a sentence, goodbye', async () => {
    const { url } = await broker();
    const seen = await watch(url);
    const { agent } = await site([mqttLine(url)], { clock: createFastClock(20) });
    await seen.until(status('online'));
    expect(await seen.json(`${ROOT}/info`)).toMatchObject({ site: 'site', connection: 1, running: true });
    await seen.json(`${ROOT}/health`, (health) => routeProblem(health) === undefined);
    await scan(agent.port());
    const delivered = await seen.json(`${ROOT}/event`, ofType('message.delivered'));
    expect(delivered).toMatchObject({ data: { recipient: 'anna@contoso.com', route: 'direct' } });
    agent.agent.rooms.dispatch.pauseRoute('direct', 'test');
    const paused = await seen.json(`${ROOT}/health`, (health) => routeProblem(health) !== undefined);
    expect(routeProblem(paused)).toMatchObject({ grade: 'warn', code: 'route.paused-by-operator' });
    agent.agent.rooms.dispatch.resumeRoute('direct', 'test');
    await seen.json(`${ROOT}/event`, ofType('route.resumed'));
    await seen.json(
      `${ROOT}/health`,
      (health) => routeProblem(health) === undefined && Number(health['ts']) > Number(paused['ts']),
    );
    await agent.stop({ keep: true });
    await seen.until(status('offline'));
    await seen.json(`${ROOT}/info`, ({ running }) => running === false);
  });

  test('says in status and health how the connection stands', async () => {
    const { url, kill } = await broker();
    const seen = await watch(url);
    const { agent } = await site([mqttLine(url)]);
    await seen.until(status('online'));
    const client = createControlClient(path.join(agent.directory, 'data'));
    expect((await client.call('status', {})).broker).toMatchObject({ connected: true, error: null });
    await kill();
    await expect
      .poll(async () => (await client.call('status', {})).broker)
      .toMatchObject({ connected: false, error: { code: expect.stringMatching(/^mqtt\./) } });
    const { readings } = await client.call('health', {});
    expect(readings.find(({ metric }) => metric.name === 'broker_connected')).toMatchObject({ value: false });
  });

  test('is not asked for where the config has none', async () => {
    const { agent } = await site([]);
    const client = createControlClient(path.join(agent.directory, 'data'));
    expect((await client.call('status', {})).broker).toBeNull();
  });

  test('is told of after a cut network, in order, to a broker that was restarted empty', async () => {
    const { url, port, restart } = await broker();
    const proxy = await startProxy(port);
    cleanups.push(() => proxy.stop());
    const { agent } = await site([mqttLine(`mqtt://127.0.0.1:${proxy.port}`)], {
      clock: createFastClock(20),
    });
    const before = await watch(url);
    await before.json(`${ROOT}/telemetry`);
    proxy.cut();
    await before.until(status('offline'));
    const late = await watch(url, `${ROOT}/status`);
    expect(await late.until(() => true)).toMatchObject({ text: 'offline', retain: true });
    for (const name of ['anna', 'bert', 'cora']) await scan(agent.port(), `${name}@contoso.com`);
    await agent.settled(3);
    await restart();
    const after = await watch(url);
    proxy.mend();
    await after.json(`${ROOT}/info`, ({ connection }) => Number(connection) >= 2);
    await after.json(`${ROOT}/health`);
    for (const name of ['anna', 'bert', 'cora']) {
      await after.json(
        `${ROOT}/event`,
        (event) => ofType('message.delivered')(event) && JSON.stringify(event['data']).includes(name),
      );
    }
    const seqs = after.heard
      .filter(({ topic }) => topic === `${ROOT}/event`)
      .map(({ text }) => (JSON.parse(text) as { seq: number }).seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(new Set(seqs).size).toBe(seqs.length);
  });
});

describe('a scan goes its way', () => {
  const brokers: [string, () => Promise<string>][] = [
    ['that is down', async () => `mqtt://127.0.0.1:${await freePort()}`],
    [
      'that never answers',
      async () => {
        const fake = await startScriptedBroker(() => undefined);
        cleanups.push(() => fake.stop());
        return fake.url;
      },
    ],
    [
      'that takes everything and acknowledges nothing',
      async () => {
        const fake = await startScriptedBroker(() => CONNACK_5);
        cleanups.push(() => fake.stop());
        return fake.url;
      },
    ],
    [
      'that talks nonsense',
      async () => {
        const fake = await startScriptedBroker(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
        cleanups.push(() => fake.stop());
        return fake.url;
      },
    ],
  ];
  test.each(brokers)('with a broker %s, and the agent stops in time', async (_name, urlOf) => {
    const { agent, sandbox } = await site([mqttLine(await urlOf())]);
    const recipients = Array.from({ length: 20 }, (_, index) => `person-${index}@contoso.com`);
    const replies = await Promise.all(recipients.map((to) => scan(agent.port(), to)));
    expect(replies.map(({ accepted }) => accepted)).not.toContain(false);
    await agent.settled(20);
    expect(sandbox.received()).toHaveLength(20);
    await agent.stop({ keep: true });
    expect(agent.log.lines.map(({ event }) => event)).toContain('agent.stopped');
    expect(agent.log.lines.map(({ event }) => event)).not.toContain('agent.stop-failed');
  });
});

describe('a reload', () => {
  test('begins, moves and ends the connection, and a device in the midst of a session notices nothing', async () => {
    const [first, second] = [await broker(), await broker()];
    const [at, then] = [await watch(first.url), await watch(second.url)];
    const { agent, yaml } = await site([]);
    const reload = async (...more: string[]) => {
      agent.rewrite(yaml(...more));
      return agent.agent.reload('test');
    };
    const slow = scan(agent.port(), 'anna@contoso.com');
    expect((await reload(mqttLine(first.url))).changed).toEqual(['mqtt']);
    await at.until(status('online'));
    await slow;
    await reload(mqttLine(second.url));
    await at.until(status('offline'));
    await then.until(status('online'));
    expect(await then.json(`${ROOT}/info`)).toMatchObject({ connection: 2 });
    const fingerprint = (await then.json(`${ROOT}/info`))['config'];
    await reload(mqttLine(second.url), 'web: { address: 127.0.0.1, port: 0 }');
    await then.json(`${ROOT}/info`, ({ config }) => config !== fingerprint);
    expect(then.heard.filter(status('offline'))).toHaveLength(0);
    await reload();
    await then.until(status('offline'));
    await agent.settled(1);
  });
});

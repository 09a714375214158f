/** The connection to a broker: real Mosquitto for what works, a lying one for what does not. */
import { afterEach, describe, expect, test } from 'vitest';
import { type Clock, createSystemClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { createSecret } from '../../src/core/secret.ts';
import { reconnectDelayMs } from '../../src/report/backoff.ts';
import type {
  BrokerConnection,
  BrokerSettings,
  BrokerState,
  IncomingMessage,
  OutgoingMessage,
} from '../../src/report/broker-types.ts';
import { connectBroker } from '../../src/report/connection.ts';
import { createPacketGuard } from '../../src/report/packet-guard.ts';
import { startDemoBroker } from '../../src/sandbox/broker.ts';
import { createTestCertificates } from '../support/certificates.ts';
import { type Mosquitto, type MosquittoOptions, startMosquitto } from '../support/mosquitto.ts';
import { freePort } from '../support/processes.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { UNASKABLE_NAME } from '../support/unaskable-name.ts';
import { createFastClock } from './support/fast-clock.ts';
import { CONNACK_3, CONNACK_5, CONNACK_VERSION, startScriptedBroker } from './support/scripted-broker.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function broker(options?: MosquittoOptions): Promise<Mosquitto> {
  const started = await startMosquitto(options);
  cleanups.push(() => started.stop());
  return started;
}

async function scripted(...args: Parameters<typeof startScriptedBroker>) {
  const started = await startScriptedBroker(...args);
  cleanups.push(() => started.stop());
  return started;
}

interface Peer {
  connection: BrokerConnection;
  received: IncomingMessage[];
  /** Resolves with the first state for which `look` is true, past ones included. */
  until(look: (state: BrokerState) => boolean): Promise<BrokerState>;
  /** Resolves when it is connected now. */
  untilUp(): Promise<void>;
  nextMessage(): Promise<IncomingMessage>;
}

function connect(
  settings: Partial<BrokerSettings> & { url: string },
  more: { clock?: Clock; filters?: string[]; will?: OutgoingMessage } = {},
): Peer {
  const received: IncomingMessage[] = [];
  const states: BrokerState[] = [];
  const watchers = new Set<() => void>();
  let arrival = Promise.withResolvers<IncomingMessage>();
  const connection = connectBroker({
    clock: more.clock ?? createSystemClock(0),
    log: createQuietLog(),
    random: () => 0.001,
    settings: { version: '5', clientId: 'berlin-hq', ...settings },
    will: more.will ?? null,
    async onConnect(each) {
      if (more.filters) await each.subscribe(more.filters, 1);
    },
    onMessage(message) {
      received.push(message);
      arrival.resolve(message);
      arrival = Promise.withResolvers();
    },
    onState(state) {
      states.push(state);
      for (const watcher of watchers) watcher();
    },
  });
  cleanups.push(() => connection.stop());
  connection.start();
  return {
    connection,
    received,
    until: (look) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = states.find(look);
          if (found === undefined) return;
          watchers.delete(check);
          resolve(found);
        };
        watchers.add(check);
        check();
      }),
    untilUp: () =>
      new Promise((resolve) => {
        const check = (): void => {
          if (connection.state().isConnected) resolve();
        };
        watchers.add(check);
        check();
      }),
    nextMessage: () => arrival.promise,
  };
}

const isUp = (state: BrokerState) => state.isConnected;
const failedWith = (code: string) => (state: BrokerState) => state.problem?.code === code;
const message = (topic: string, payload = 'x', qos: 0 | 1 = 1) => ({ topic, payload, qos, retain: false });

describe('a connection', () => {
  test('speaks MQTT 5 and hears what it subscribed to', async () => {
    const { url } = await broker();
    const { connection, until, nextMessage } = connect({ url }, { filters: ['a/+'] });
    expect((await until(isUp)).version).toBe('5');
    const arrived = nextMessage();
    await connection.publish({ ...message('a/b', 'hello'), correlation: Buffer.from('7'), expirySeconds: 9 });
    expect(await arrived).toMatchObject({ topic: 'a/b', payload: Buffer.from('hello'), retain: false });
  });

  test.each([['3.1.1'], ['5']] as const)('speaks MQTT %s when told to', async (version) => {
    const { url, logged } = await broker();
    const { until } = connect({ url, version });
    await until(isUp);
    await logged(new RegExp(`as berlin-hq \\(p${version === '5' ? 5 : 2}, c1, k60`));
  });

  test('signs in with user name and password', async () => {
    const { url } = await broker({ passwords: { berlin: 'correct' } });
    const { until } = connect({ url, username: 'berlin', password: createSecret('correct') });
    await until(isUp);
  });

  test('goes over WebSockets', async () => {
    const { websocketPort } = await broker({ websockets: true });
    const { until } = connect({ url: `ws://127.0.0.1:${websocketPort}/mqtt` });
    await until(isUp);
  });

  test('goes over WebSockets with TLS', async () => {
    const certificates = await createTestCertificates({
      names: ['broker.contoso.com'],
      addresses: ['127.0.0.1'],
    });
    cleanups.push(() => certificates.remove());
    const tls = { caFile: certificates.caFile, ...(await certificates.server('valid')) };
    const { tlsPort } = await broker({ tls: { ...tls, isWebSocket: true } });
    const { until } = connect({ url: `wss://127.0.0.1:${tlsPort}/mqtt`, ca: certificates.ca });
    await until(isUp);
    const stranger = connect({ url: `wss://127.0.0.1:${tlsPort}/mqtt` });
    expect(
      (await stranger.until((state) => state.problem !== null && state.problem.code !== 'mqtt.connecting'))
        .problem?.code,
    ).toBe('mqtt.tls');
  });

  test('speaks 3.1.1 at once to a broker of another make that has no MQTT 5', async () => {
    const aedes = await startDemoBroker();
    cleanups.push(() => aedes.stop());
    const { connection, until, nextMessage } = connect({ url: aedes.url }, { filters: ['a/+'] });
    const first = await until(() => true);
    expect(first).toMatchObject({ isConnected: true, version: '3.1.1', problem: null });
    const arrived = nextMessage();
    await connection.publish(message('a/b', 'hello'));
    expect(await arrived).toMatchObject({ payload: Buffer.from('hello') });
  });

  test('goes over TLS with a client certificate, its name in the access list', async () => {
    const certificates = await createTestCertificates({
      names: ['broker.contoso.com'],
      addresses: ['127.0.0.1'],
    });
    cleanups.push(() => certificates.remove());
    const [server, client] = [await certificates.server('valid'), await certificates.client('berlin-hq')];
    const tls = { caFile: certificates.caFile, ...server, requireClientCertificate: true };
    const { tlsPort, watch } = await broker({
      tls,
      acl: ['topic read #', 'pattern readwrite scanferry/v1/%u/#'],
    });
    const { connection, until } = connect({
      ...{ url: `mqtts://127.0.0.1:${tlsPort}`, ca: certificates.ca, certificate: client },
    });
    await until(isUp);
    const watcher = await watch('scanferry/#');
    await connection.publish(message('scanferry/v1/berlin-hq/status', 'online'));
    await watcher.waitForLine(/berlin-hq\/status online/);
    await expect(connection.publish(message('scanferry/v1/paris/status', 'online'))).rejects.toMatchObject({
      explanation: { code: 'mqtt.publish-refused' },
    });
  });

  test('comes back after the broker was killed and started again', async () => {
    const { url, kill, restart, logged } = await broker();
    const { connection, until, untilUp } = connect({ url }, { clock: createFastClock(20) });
    await until(isUp);
    await kill();
    await until(failedWith('mqtt.unreachable'));
    await expect(connection.publish(message('a'))).rejects.toMatchObject({
      explanation: { code: 'mqtt.unreachable' },
    });
    await restart();
    await logged(/as berlin-hq/);
    await untilUp();
    await connection.publish(message('a'));
  });

  test('leaves a will when it is cut, and none when it is stopped', async () => {
    const { url, watch } = await broker();
    const will = { ...message('berlin/status', 'offline'), retain: true };
    const watcher = await watch('berlin/#');
    const first = connect({ url }, { will });
    await first.until(isUp);
    await first.connection.publish(message('berlin/one'));
    await first.connection.stop();
    const second = connect({ url }, { will });
    await second.until(isUp);
    // The same client id: the broker cuts the older connection and publishes its will.
    const third = connect({ url }, {});
    await third.until(isUp);
    await watcher.waitForLine(/berlin\/status offline/);
    expect(watcher.stdout()).toMatch(/^berlin\/one x\nberlin\/status offline\n/);
  });
});

describe('a refusal is told in a sentence:', () => {
  const cases: [string, string, () => Promise<Partial<BrokerSettings> & { url: string }>][] = [
    ['nobody listens', 'mqtt.unreachable', async () => ({ url: `mqtt://127.0.0.1:${await freePort()}` })],
    ['no such name', 'mqtt.name-unknown', async () => ({ url: `mqtt://${UNASKABLE_NAME}:1883` })],
    [
      'a wrong password in MQTT 3.1.1',
      'mqtt.not-authorized',
      async () => {
        const { url } = await broker({ passwords: { berlin: 'correct' } });
        return { url, version: '3.1.1', username: 'berlin', password: createSecret('wrong') };
      },
    ],
    [
      'a wrong password in MQTT 5',
      'mqtt.not-authorized',
      async () => {
        const { url } = await broker({ passwords: { berlin: 'correct' } });
        return { url, username: 'berlin', password: createSecret('wrong') };
      },
    ],
    [
      'garbage for an answer',
      'mqtt.not-mqtt',
      async () => await scripted(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ],
    [
      'another client with our name',
      'mqtt.taken-over',
      async () => await scripted(() => Buffer.concat([CONNACK_5, Buffer.from([0xe0, 2, 0x8e, 0])])),
    ],
    ['a ban', 'mqtt.banned', async () => await scripted(() => Buffer.from([0x20, 3, 0, 138, 0]))],
    [
      'a busy broker',
      'mqtt.broker-busy',
      async () => await scripted(() => Buffer.from([0x20, 3, 0, 137, 0])),
    ],
    ['another reason', 'mqtt.refused', async () => await scripted(() => Buffer.from([0x20, 3, 0, 128, 0]))],
    ['a silent listener', 'mqtt.no-answer', async () => await scripted(() => undefined)],
    [
      'a packet of 200 MB',
      'mqtt.packet-too-large',
      async () =>
        await scripted(() => Buffer.concat([CONNACK_5, Buffer.from([0x30, 0x80, 0x88, 0xaf, 0x5f])])),
    ],
  ];
  test.each(cases)('%s', async (_name, code, settingsOf) => {
    const settings = await settingsOf();
    const { until } = connect({ version: '5', ...settings }, { clock: createFastClock(100) });
    const state = await until((each) => each.problem !== null && each.problem.code !== 'mqtt.connecting');
    expect(state.problem?.code).toBe(code);
  });

  test.each(['wrongName', 'expired', 'selfSigned'] as const)('a certificate that is %s', async (kind) => {
    const certificates = await createTestCertificates({
      names: ['broker.contoso.com'],
      addresses: ['127.0.0.1'],
    });
    cleanups.push(() => certificates.remove());
    const tls = { caFile: certificates.caFile, ...(await certificates.server(kind)) };
    const { tlsPort } = await broker({ tls });
    const { until } = connect({ url: `mqtts://127.0.0.1:${tlsPort}`, ca: certificates.ca });
    expect((await until((state) => state.problem !== null)).problem?.code).toBe('mqtt.tls');
  });

  test('a missing client certificate', async () => {
    const certificates = await createTestCertificates({
      names: ['broker.contoso.com'],
      addresses: ['127.0.0.1'],
    });
    cleanups.push(() => certificates.remove());
    const server = await certificates.server('valid');
    const { tlsPort } = await broker({
      tls: { caFile: certificates.caFile, ...server, requireClientCertificate: true },
    });
    const { until } = connect({ url: `mqtts://127.0.0.1:${tlsPort}`, ca: certificates.ca });
    expect((await until((state) => state.problem !== null)).problem?.code).toBe('mqtt.client-certificate');
  });
});

describe('a broker without MQTT 5', () => {
  test.each([
    ['says so', (level: number) => (level === 5 ? CONNACK_VERSION : CONNACK_3)],
    ['closes the connection', (level: number) => (level === 5 ? null : CONNACK_3)],
  ])('that %s is spoken to in 3.1.1', async (_name, answer) => {
    const { url, levels } = await scripted(answer);
    const { until } = connect({ url });
    expect((await until(isUp)).version).toBe('3.1.1');
    expect(levels).toEqual([5, 4]);
  });

  test('is not asked for 5 again when the connection was lost', async () => {
    const fake = await scripted((level, socket) => {
      if (level === 5) return null;
      if (fake.levels.length === 2) setImmediate(() => socket.destroy());
      return CONNACK_3;
    });
    const { until } = connect({ url: fake.url });
    await until(failedWith('mqtt.closed'));
    await fake.connects(3);
    expect(fake.levels.slice(0, 3)).toEqual([5, 4, 4]);
  });
});

describe('a broker that does not acknowledge', () => {
  test('is left after a while, and whoever publishes learns it', async () => {
    const { url } = await scripted(() => CONNACK_5);
    const { connection, until } = connect({ url }, { clock: createFastClock(100) });
    await until(isUp);
    const sent = Array.from({ length: 50 }, () => connection.publish(message('a')));
    const results = await Promise.allSettled(sent);
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['rejected']));
    await until(failedWith('mqtt.not-acknowledged'));
  });

  test('gets no more than 20 messages, and no more than 1000 wait', async () => {
    const fake = await scripted(() => CONNACK_5);
    const { connection, until } = connect({ url: fake.url });
    await until(isUp);
    const count = LIMITS.brokerInFlightMax + LIMITS.brokerWaitingMax;
    const sent = Array.from({ length: count }, () => connection.publish(message('a', 'x'.repeat(1000))));
    const settled = Promise.allSettled(sent);
    await expect(connection.publish(message('a'))).rejects.toMatchObject({
      explanation: { code: 'mqtt.too-much-waiting' },
    });
    await connection.stop();
    await settled;
    expect(fake.bytesReceived()).toBeLessThan(LIMITS.brokerInFlightMax * 1100);
  });
});

describe('the waits between tries', () => {
  test('double up to some minutes, and spread over the whole window', () => {
    const windows = [1, 2, 3, 4, 5, 6, 7, 60].map(
      (failures) => reconnectDelayMs(failures, 0.999_999_99) / 1000,
    );
    expect(windows.map(Math.round)).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
    expect(reconnectDelayMs(5, 0)).toBe(0);
    expect(reconnectDelayMs(5, 0.5)).toBe(80_000);
  });
});

describe('the packet guard', () => {
  test('reads lengths however the bytes are cut, and lets packets within the bound pass', () => {
    const packets = Buffer.concat([
      Buffer.from([0x20, 2, 0, 0]),
      Buffer.from([0x30, 0x80, 0x01]),
      Buffer.alloc(128, 0xff),
      Buffer.from([0xd0, 0]),
      Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]),
    ]);
    for (const size of [1, 2, 3, 7, 1000]) {
      const found: number[] = [];
      const watch = createPacketGuard(1000, (bytes) => found.push(bytes));
      for (let at = 0; at < packets.length; at += size) watch(packets.subarray(at, at + size));
      expect(found).toEqual([268_435_455]);
    }
  });
});

/** The room with a real spool: a whole report, what is told when, and parts that can't be looked at. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { BoxFacts, BoxProbe } from '../../src/health/box-probe.ts';
import { createBoxProbe } from '../../src/health/box-probe.ts';
import { createHealth } from '../../src/health/health.ts';
import type { HealthDeps, RouteFacts } from '../../src/health/sources.ts';
import { type HealthReport, type HealthRoom, readingKey } from '../../src/health/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createQuietLog, type QuietLog } from '../support/quiet-log.ts';
import { acceptTestMessage, openTestSpool, type TestSpool, testMessage } from '../support/spool.ts';
import { type RecordedBox, recordBox } from './support/recorded-box.ts';

const GIB = 1024 ** 3;
const MINUTE = 60_000;
let recorded: RecordedBox;
let store: TestSpool;
let clock: FakeClock;
let log: QuietLog;
let room: HealthRoom | null = null;

beforeEach(async () => {
  clock = createFakeClock();
  log = createQuietLog();
  recorded = recordBox();
  store = await openTestSpool({ clock });
});
afterEach(async () => {
  await room?.stop();
  room = null;
  await store.close();
  recorded.remove();
});

function route(): RouteFacts {
  return {
    ...{ id: 'mailbox', state: 'open', pause: null, lastSuccessAt: clock.now() - MINUTE },
    ...{ budget: { messagesThisMinute: 30, recipientsToday: 9000 } },
    ...{ limits: { messagesPerMinute: 30, recipientsPerDay: 10_000 } },
    ...{ tokenExpiresAt: clock.now() + 45 * MINUTE, secretExpiresAt: null, certificateExpiresAt: null },
  };
}

/** The recorded box; its disk space is that of the machine that runs the test, so it is given. */
function boxProbe(): BoxProbe {
  const probe = createBoxProbe({
    ...{ clock, root: recorded.root, directory: '/' },
    memory: async () => ({ memoryTotalBytes: 4 * GIB, memoryAvailableBytes: 3 * GIB }),
    interfaces: () => ({ eth0: [{ address: '192.168.50.5', internal: false } as never] }),
  });
  const disk: BoxFacts['disk'] = { freeBytes: 20 * GIB, totalBytes: 30 * GIB };
  return { look: async () => ({ ...(await probe.look()), disk }) };
}

function health(more: Partial<HealthDeps> = {}): HealthRoom {
  const routes = [route()];
  room = createHealth({
    ...{ clock, log, spool: store.spool, version: '1.2.3', ageMs: (at: number) => clock.now() - at },
    ...{ historyDays: () => 90, isTelling: (code: string) => code !== 'intake.mail-first' },
    ...{ maxAgeHours: () => 96, routes: () => routes, clockSkewMs: () => 200, box: boxProbe() },
    devices: () => [{ id: 'copier-2f', address: '192.168.50.21', profile: 'ricoh/mp' }],
    broker: () => ({ connected: true, since: clock.now() - MINUTE, error: null }),
    ...more,
  });
  return room;
}

const readValue = ({ readings }: HealthReport, key: string) =>
  readings.find((reading) => readingKey(reading) === key)?.value;

/** What differs from run to run: the test's own process, and the file of the database. */
const OF_THIS_RUN = new Set([
  'agent_cpu_percent',
  'agent_rss_bytes',
  'agent_event_loop_lag_ms',
  'spool_database_bytes',
]);

describe('a report', () => {
  test('of a Raspberry Pi in order has every reading', async () => {
    await acceptTestMessage(store);
    const { readings, grade } = await health().look();
    const lines = readings.map((reading) => {
      const { metric, value, grade: of } = reading;
      const shown = OF_THIS_RUN.has(metric.name) ? '…' : String(value);
      return `${readingKey(reading).padEnd(42)} ${of.padEnd(4)} ${shown} ${metric.unit}`;
    });
    expect(grade).toBe('ok');
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden-report.txt');
  });

  test('follows a message within seconds, and tells whoever listens only when a sentence changes or a minute has passed', async () => {
    const told: number[] = [];
    const started = health();
    await started.start();
    await started.look();
    started.onReport((report) => told.push(report.ts));
    await acceptTestMessage(store);
    await clock.advance(3000);
    await started.look();
    expect(readValue(started.report(), 'spool_waiting_count')).toBe(1);
    expect(told).toEqual([]);
    await clock.advance(MINUTE);
    await started.look();
    expect(told.length).toBe(1);
  });

  test('counts what each device did from the events, also those of before a restart', async () => {
    await store.spool.record({
      type: 'message.accepted',
      data: {
        ...{ message: 'm1', device: 'copier-2f', address: '192.168.50.21', listener: 'x', sender: 'a@b.c' },
        ...{ recipients: 1, bodyBytes: 1, tls: { protocol: 'TLSv1', cipher: 'AES128-SHA' }, held: null },
      } as never,
    });
    const first = health();
    await first.look();
    expect(first.devices()).toMatchObject([{ id: 'copier-2f', accepted: 1, tls: 'TLSv1' }]);
    await first.stop();
    const second = health();
    await second.look();
    expect(second.devices()).toMatchObject([{ accepted: 1, lastSeenAt: clock.now() }]);
  });
});

describe('the latest refusal', () => {
  const COPIER = { id: 'copier-2f', address: '192.168.50.21' };
  const STRANGER = { id: null, address: '192.168.50.99' };

  async function refuse(code: string, { id, address }: { id: string | null; address: string }) {
    await store.spool.record({ type: 'session.refused', data: { address, device: id, code, reply: '' } });
    return clock.now();
  }

  test('of a device stays until there is another one that says why, and is over with a message', async () => {
    const at = await refuse('intake.sign-in-refused', COPIER);
    await clock.advance(MINUTE);
    await refuse('intake.mail-first', COPIER);
    const started = health();
    await started.look();
    expect(started.refusalOf(COPIER)).toEqual({ at, code: 'intake.sign-in-refused', isOver: false });
    expect(started.refusalOf(STRANGER)).toBeNull();
    await acceptTestMessage(store);
    await started.look();
    expect(started.refusalOf(COPIER)).toEqual({ at, code: 'intake.sign-in-refused', isOver: true });
    const again = await refuse('intake.recipient-not-allowed', COPIER);
    await started.look();
    expect(started.refusalOf(COPIER)).toMatchObject({ at: again, isOver: false });
  });

  test('of a known device and of a stranger outlive a restart', async () => {
    const at = await refuse('intake.recipient-not-allowed', COPIER);
    await refuse('intake.device-unknown', STRANGER);
    const first = health();
    await first.look();
    await first.stop();
    const second = health();
    await second.look();
    expect(second.refusalOf(COPIER)).toMatchObject({ at, code: 'intake.recipient-not-allowed' });
    expect(second.refusalOf(STRANGER)).toMatchObject({ at, code: 'intake.device-unknown', isOver: false });
  });

  test('of a stranger is over with a message from its address, and is told of the device it turns out to be', async () => {
    const [moved, other] = [STRANGER, { id: null, address: '192.168.50.98' }];
    await refuse('intake.device-unknown', moved);
    await refuse('intake.device-unknown', other);
    const started = health();
    await acceptTestMessage(store, {
      device: { ...testMessage(clock).device, id: 'copier-2f', address: moved.address },
    });
    await started.look();
    expect(started.refusalOf({ id: 'copier-2f', address: moved.address })).toMatchObject({ isOver: true });
    expect(started.refusalOf(other)).toMatchObject({ isOver: false });
  });

  test('that is over is told no longer than the history is kept', async () => {
    await refuse('intake.recipient-not-allowed', COPIER);
    await refuse('intake.device-unknown', STRANGER);
    await acceptTestMessage(store);
    const started = health();
    await started.look();
    await clock.advance(90 * 24 * 60 * MINUTE);
    expect(started.refusalOf(COPIER)).not.toBeNull();
    await clock.advance(MINUTE);
    expect(started.refusalOf(COPIER)).toBeNull();
    expect(started.refusalOf(STRANGER)).not.toBeNull();
  });

  test('of the oldest strangers is forgotten where there are many, and none of a known device', async () => {
    await refuse('intake.sign-in-refused', COPIER);
    const strangers = Array.from({ length: LIMITS.healthStrangersMax + 1 }, (_, i) => ({
      ...{ id: null, address: `10.0.${i >> 8}.${i & 255}` },
    }));
    for (const stranger of strangers) await refuse('intake.network-not-trusted', stranger);
    const started = health();
    await started.look();
    expect(strangers.filter((one) => started.refusalOf(one) === null)).toEqual([strangers[0]]);
    expect(started.refusalOf(COPIER)).not.toBeNull();
  });

  test('is none in what an older version has kept, whose counts stay', async () => {
    await acceptTestMessage(store);
    const first = health();
    await first.look();
    await first.stop();
    for (const [key, value] of await store.spool.getFacts('health')) {
      const older = JSON.stringify(value).replace(',"refusal":null', '').replace(',"strangers":[]', '');
      expect(older).not.toBe(JSON.stringify(value));
      await store.spool.putFact('health', key, JSON.parse(older));
    }
    const second = health();
    await second.look();
    expect(second.devices()).toMatchObject([{ accepted: 1 }]);
    expect(second.refusalOf(COPIER)).toBeNull();
  });
});

describe('a look', () => {
  test('ends where the newest event is gone, as after a salvage', async () => {
    await acceptTestMessage(store);
    const salvaged: HealthDeps['spool'] = { ...store.spool, events: async () => [] };
    const { readings } = await health({ spool: salvaged }).look();
    expect(readings.length).toBeGreaterThan(0);
  });

  test('ends while events come as fast as it reads them, and leaves those to the next one', async () => {
    await acceptTestMessage(store);
    let written = 0;
    const flooded: HealthDeps['spool'] = {
      ...store.spool,
      async events(afterSeq, limit) {
        const page = await store.spool.events(afterSeq, limit);
        for (const _event of page) {
          if (++written < 1000) await store.spool.record({ type: 'agent.stopped', data: { clean: true } });
        }
        return page;
      },
    };
    await health({ spool: flooded }).look();
    expect(written).toBe(1);
  });
});

describe('a part that can not be looked at', () => {
  test.each([
    ['box', { box: { look: () => Promise.reject(new Error('gone')) } }],
    [
      'routes',
      {
        routes: () => {
          throw new Error('gone');
        },
      },
    ],
    [
      'broker',
      {
        broker: () => {
          throw new Error('gone');
        },
      },
    ],
  ] satisfies [string, Partial<HealthDeps>][])(
    'is a reading of its own and takes no other along: %s',
    async (part, broken) => {
      const report = await health(broken).look();
      const families = new Set(report.readings.map(({ metric }) => metric.family));
      expect(families.has('spool') && families.has('devices') && families.has('agent')).toBe(true);
      expect(report.grade).toBe('warn');
      expect(report.readings.find(({ metric }) => metric.name === 'agent_unreadable_state')).toMatchObject({
        ...{
          value: part,
          grade: 'warn',
          why: { code: 'health.unreadable', cause: expect.stringContaining(part) },
        },
      });
      await room?.look();
      expect(log.lines.filter(({ event }) => event === 'health.look-failed')).toHaveLength(1);
    },
  );

  test('is the spool too, whose thread has died', async () => {
    const started = health();
    await started.look();
    const failing = { ...store.spool, stats: () => Promise.reject(new Error('gone')) };
    await started.stop();
    const report = await health({ spool: failing }).look();
    expect(readValue(report, 'agent_unreadable_state')).toContain('spool');
    expect(readValue(report, 'box_model_state')).toBe('Raspberry Pi 4 Model B Rev 1.5');
  });
});

describe('an idle box', () => {
  test('is not written to: hours of looks leave nothing on the disk', async () => {
    const writes: string[] = [];
    const spool = {
      ...store.spool,
      putFact: (space: string, key: string, value: unknown) => {
        writes.push(`${space}/${key}`);
        return store.spool.putFact(space, key, value);
      },
    };
    const started = health({ spool });
    await started.start();
    for (let hour = 0; hour < 3; hour += 1) {
      await clock.advance(60 * MINUTE);
      await started.look();
    }
    expect(writes).toEqual([]);
  });
});

/** Each rule of each metric: the value that is not well any more, and the sentence that says so. */
import { describe, expect, test } from 'vitest';
import { AGENT_FAMILY, type AgentSeen } from '../../src/health/agent-family.ts';
import { BOX_FAMILY, type BoxSeen } from '../../src/health/box-family.ts';
import { BROKER_FAMILY, type BrokerSeen } from '../../src/health/broker-family.ts';
import { DEVICES_FAMILY, type DeviceSeen } from '../../src/health/devices-family.ts';
import { METRICS } from '../../src/health/index.ts';
import type { Family } from '../../src/health/metric.ts';
import { ROUTES_FAMILY, type RouteSeen } from '../../src/health/routes-family.ts';
import { SPOOL_FAMILY, type SpoolSeen } from '../../src/health/spool-family.ts';
import type { Grade, Reading } from '../../src/health/types.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const GIB = 1024 ** 3;
const NOW = Date.UTC(2026, 10, 24);

const RECIPIENTS = { queued: 0, sending: 0, deferred: 0, delivered: 0, failed: 0, held: 0, cancelled: 0 };
const STATS: SpoolSeen['stats'] = {
  ...{ recipients: RECIPIENTS, oldestPendingAt: null, databaseBytes: 0, bodyBytes: 0, heldBytes: 0 },
  ...{ maxBytes: 1000, freeBytes: GIB, refusal: null, uncertainAttempts: 0 },
};
const SPOOL: SpoolSeen = { stats: STATS, oldestAgeMs: null, maxAgeMs: 96 * HOUR, failedLately: 0 };
const withStats = (stats: Partial<SpoolSeen['stats']>): SpoolSeen => ({
  ...SPOOL,
  stats: { ...STATS, ...stats },
});

const ROUTE: RouteSeen['route'] = {
  ...{ id: 'mailbox', state: 'open', pause: null, lastSuccessAt: NOW },
  ...{ budget: { messagesThisMinute: 30, recipientsToday: 10_000 } },
  ...{ limits: { messagesPerMinute: 30, recipientsPerDay: 10_000 } },
  ...{ tokenExpiresAt: null, secretExpiresAt: null, certificateExpiresAt: null },
};
const route = (more: Partial<RouteSeen['route']>): RouteSeen => ({
  ...{ route: { ...ROUTE, ...more }, now: NOW, isClockSet: true },
});
const pause = (more: Partial<NonNullable<RouteSeen['route']['pause']>>) => ({
  ...{ code: 'route.unreachable', cause: 'Nobody answers.', advice: 'Look.', since: NOW, until: NOW + HOUR },
  ...{ needsPerson: false, ...more },
});

const DEVICE: DeviceSeen = {
  ...{
    id: 'copier-2f',
    lastSeenAgeMs: 1,
    lastMessageAgeMs: 1,
    accepted: 1,
    delivered: 1,
    failed: 0,
    waiting: 0,
  },
  ...{ tls: 'TLSv1', silence: { days: 0, isUnusual: false }, failedInRow: 0, refusedInRow: 0 },
};

const BOX: BoxSeen['box'] = {
  ...{ model: 'Raspberry Pi 4', cpuPercent: 5, busyLooks: 0, loadPerCore: 0.1, uptimeSeconds: 3600 },
  ...{ celsius: 50, isUnderVoltage: false, wasUnderVoltage: false, isThrottled: false },
  ...{
    memoryTotalBytes: GIB,
    memoryAvailableBytes: GIB / 2,
    disk: { freeBytes: 10 * GIB, totalBytes: 20 * GIB },
  },
  ...{ isReadOnly: false, errors: 0, wornPercent: 10, diskWrittenPerDayBytes: GIB },
  ...{ isClockSynchronised: true, addresses: ['eth0 192.168.50.5'] },
};
const box = (more: Partial<BoxSeen['box']>, rest: Partial<BoxSeen> = {}): BoxSeen => ({
  ...{ box: { ...BOX, ...more }, isClockSet: true, clockSkewMs: 0, ...rest },
});

const broker = (connected: boolean, downMs: number): BrokerSeen => ({
  ...{ broker: { connected, since: NOW - downMs, error: null }, now: NOW },
});

const AGENT: AgentSeen = {
  ...{ version: '1.2.3', uptimeMs: HOUR, startsLately: 1, wasUnclean: false, loopLagMs: 5, cpuPercent: 0.2 },
  ...{ rssBytes: 100 * 1024 ** 2, unreadable: [] },
};

type Case = [metric: string, grade: Exclude<Grade, 'ok'>, read: () => Reading[], sentence: RegExp];

function read<S>(family: Family<S>, seen: S, of: string | null = null): () => Reading[] {
  return () => family.read(seen, of);
}

const CASES: Case[] = [
  [
    'spool_oldest_age_s',
    'warn',
    read(SPOOL_FAMILY, { ...SPOOL, oldestAgeMs: HOUR }),
    /has waited for 1 hour/,
  ],
  ['spool_oldest_age_s', 'fail', read(SPOOL_FAMILY, { ...SPOOL, oldestAgeMs: DAY }), /has waited for 1 day/],
  [
    'spool_held_count',
    'warn',
    read(SPOOL_FAMILY, withStats({ recipients: { ...RECIPIENTS, held: 2 } })),
    /2 recipients .* before a person decides/,
  ],
  [
    'spool_failed_24h_count',
    'warn',
    read(SPOOL_FAMILY, { ...withStats({ recipients: { ...RECIPIENTS, failed: 1 } }), failedLately: 1 }),
    /1 recipient failed for good/,
  ],
  ['spool_quota_used_percent', 'warn', read(SPOOL_FAMILY, withStats({ bodyBytes: 700 })), /take 70 %/],
  ['spool_quota_used_percent', 'fail', read(SPOOL_FAMILY, withStats({ bodyBytes: 950 })), /take 95 %/],
  ['spool_held_share_percent', 'warn', read(SPOOL_FAMILY, withStats({ heldBytes: 400 })), /80 % of the room/],
  [
    'spool_accepting',
    'fail',
    read(SPOOL_FAMILY, withStats({ refusal: { reason: 'disk-full', cause: 'The disk is full.' } })),
    /refused for now \(452\): The disk is full/,
  ],
  [
    'route_state',
    'warn',
    read(ROUTES_FAMILY, route({ state: 'paused', pause: pause({}) }), 'mailbox'),
    /The route "mailbox" is paused: Nobody answers/,
  ],
  [
    'route_state',
    'fail',
    read(ROUTES_FAMILY, route({ state: 'paused', pause: pause({ needsPerson: true }) }), 'mailbox'),
    /is paused/,
  ],
  [
    'route_state',
    'fail',
    read(ROUTES_FAMILY, route({ state: 'paused', pause: pause({ since: NOW - HOUR }) }), 'mailbox'),
    /is paused/,
  ],
  [
    'route_state',
    'warn',
    read(
      ROUTES_FAMILY,
      route({ state: 'paused', pause: pause({ code: 'route.paused-by-operator', since: NOW - DAY }) }),
      'mailbox',
    ),
    /Nobody answers/,
  ],
  [
    'route_state',
    'warn',
    read(
      ROUTES_FAMILY,
      route({ outsidePause: { code: 'reply.external-limit', cause: 'Too many.', advice: 'Wait.' } }),
      'mailbox',
    ),
    /outside your domains: Too many/,
  ],
  [
    'route_recipients_left_count',
    'warn',
    read(ROUTES_FAMILY, route({ budget: { messagesThisMinute: 1, recipientsToday: 999 } }), 'mailbox'),
    /only 999 recipients more/,
  ],
  [
    'route_client_secret_left_s',
    'warn',
    read(ROUTES_FAMILY, route({ secretExpiresAt: NOW + 29 * DAY }), 'mailbox'),
    /client secret .* ends on 2026-12-23/,
  ],
  [
    'route_client_secret_left_s',
    'fail',
    read(ROUTES_FAMILY, route({ secretExpiresAt: NOW + 6 * DAY }), 'mailbox'),
    /client secret/,
  ],
  [
    'route_client_certificate_left_s',
    'warn',
    read(ROUTES_FAMILY, route({ certificateExpiresAt: NOW + 29 * DAY }), 'mailbox'),
    /client certificate .* ends on/,
  ],
  [
    'route_client_certificate_left_s',
    'fail',
    read(ROUTES_FAMILY, route({ certificateExpiresAt: NOW - DAY }), 'mailbox'),
    /client certificate/,
  ],
  [
    'device_silent',
    'warn',
    read(DEVICES_FAMILY, { ...DEVICE, silence: { days: 4, isUnusual: true } }, 'copier-2f'),
    /"copier-2f" has sent nothing for 4 days/,
  ],
  [
    'device_failed_in_row_count',
    'warn',
    read(DEVICES_FAMILY, { ...DEVICE, failedInRow: 3 }, 'copier-2f'),
    /3 recipients/,
  ],
  [
    'device_failed_in_row_count',
    'fail',
    read(DEVICES_FAMILY, { ...DEVICE, failedInRow: 10 }, 'copier-2f'),
    /10 recipients/,
  ],
  [
    'device_refused_in_row_count',
    'warn',
    read(DEVICES_FAMILY, { ...DEVICE, refusedInRow: 3 }, 'copier-2f'),
    /refused in its last 3 sessions/,
  ],
  ['box_cpu_percent', 'warn', read(BOX_FAMILY, box({ cpuPercent: 99, busyLooks: 5 })), /busy at 99 %/],
  ['box_load_per_core', 'warn', read(BOX_FAMILY, box({ loadPerCore: 4 })), /4 processes per core/],
  ['box_temperature_celsius', 'warn', read(BOX_FAMILY, box({ celsius: 80 })), /at 80 °C/],
  ['box_temperature_celsius', 'fail', read(BOX_FAMILY, box({ celsius: 85 })), /at 85 °C/],
  [
    'box_under_voltage',
    'fail',
    read(BOX_FAMILY, box({ isUnderVoltage: true })),
    /voltage .* too low at this moment/,
  ],
  [
    'box_under_voltage_seen',
    'warn',
    read(BOX_FAMILY, box({ wasUnderVoltage: true })),
    /voltage .* was too low/,
  ],
  ['box_throttled', 'warn', read(BOX_FAMILY, box({ isThrottled: true })), /slows the processor down/],
  [
    'box_memory_available_percent',
    'warn',
    read(BOX_FAMILY, box({ memoryAvailableBytes: 0.09 * GIB })),
    /Only 9 % of the memory/,
  ],
  [
    'box_memory_available_percent',
    'fail',
    read(BOX_FAMILY, box({ memoryAvailableBytes: 0.03 * GIB })),
    /Only 3 % of the memory/,
  ],
  [
    'box_disk_free_bytes',
    'warn',
    read(BOX_FAMILY, box({ disk: { freeBytes: GIB - 1, totalBytes: 8 * GIB } })),
    /Only 1024 MB are free/,
  ],
  [
    'box_disk_free_bytes',
    'fail',
    read(BOX_FAMILY, box({ disk: { freeBytes: GIB / 8, totalBytes: 8 * GIB } })),
    /Only 128 MB are free/,
  ],
  ['box_disk_read_only', 'fail', read(BOX_FAMILY, box({ isReadOnly: true })), /is read-only/],
  ['box_disk_errors_count', 'warn', read(BOX_FAMILY, box({ errors: 1 })), /recorded 1 error/],
  ['box_disk_worn_percent', 'warn', read(BOX_FAMILY, box({ wornPercent: 80 })), /used up 80 %/],
  ['box_disk_worn_percent', 'fail', read(BOX_FAMILY, box({ wornPercent: 110 })), /used up 110 %/],
  [
    'box_disk_written_day_bytes',
    'warn',
    read(BOX_FAMILY, box({ diskWrittenPerDayBytes: 20 * GIB })),
    /20\.0 GB were written/,
  ],
  ['box_clock_set', 'fail', read(BOX_FAMILY, box({}, { isClockSet: false })), /clock of the box is not set/],
  [
    'box_clock_synchronised',
    'warn',
    read(BOX_FAMILY, box({ isClockSynchronised: false, uptimeSeconds: 1000 })),
    /not been compared with a time server/,
  ],
  ['box_clock_skew_s', 'warn', read(BOX_FAMILY, box({}, { clockSkewMs: -120_000 })), /2 minutes away/],
  ['box_clock_skew_s', 'fail', read(BOX_FAMILY, box({}, { clockSkewMs: 600_000 })), /10 minutes away/],
  ['box_network_up', 'warn', read(BOX_FAMILY, box({ addresses: [] })), /no address in any network/],
  [
    'broker_connected',
    'warn',
    read(BROKER_FAMILY, broker(false, 2 * 60_000)),
    /not been reached for 2 minutes/,
  ],
  ['agent_starts_24h_count', 'warn', read(AGENT_FAMILY, { ...AGENT, startsLately: 5 }), /started 5 times/],
  ['agent_unclean_stop', 'warn', read(AGENT_FAMILY, { ...AGENT, wasUnclean: true }), /without a clean stop/],
  [
    'agent_event_loop_lag_ms',
    'warn',
    read(AGENT_FAMILY, { ...AGENT, loopLagMs: 1000 }),
    /could not answer for 1 second/,
  ],
  [
    'agent_event_loop_lag_ms',
    'fail',
    read(AGENT_FAMILY, { ...AGENT, loopLagMs: 10_000 }),
    /could not answer for 10 seconds/,
  ],
  ['agent_rss_bytes', 'warn', read(AGENT_FAMILY, { ...AGENT, rssBytes: 600 * 1024 ** 2 }), /takes 600 MB/],
  [
    'agent_unreadable_state',
    'warn',
    read(AGENT_FAMILY, { ...AGENT, unreadable: ['box'] }),
    /could not look at: box/,
  ],
];

describe('a metric that is not well', () => {
  test.each(CASES)('%s is graded %s, with its sentence and an advice', (name, grade, readings, sentence) => {
    const reading = readings().find(({ metric }) => metric.name === name);
    expect(reading).toMatchObject({ grade, why: { cause: expect.stringMatching(sentence) } });
    expect(reading?.why?.code).toMatch(/^[a-z-]+\.[a-z.-]+$/);
    expect(reading?.why?.advice).not.toBe('');
  });

  test('has a case for every rule there is, and for each grade that the rule can give', () => {
    const graded = METRICS.filter((metric) => metric.graded !== '');
    const wanted = graded.flatMap(({ name, graded: words }) =>
      (['warn', 'fail'] as const).filter((grade) => words.includes(grade)).map((grade) => `${name} ${grade}`),
    );
    const tried = new Set(CASES.map(([name, grade]) => `${name} ${grade}`));
    expect(wanted.filter((each) => !tried.has(each))).toEqual([]);
  });
});

describe('a metric that is well', () => {
  test('is graded ok without a sentence in every family', () => {
    const all = [
      ...SPOOL_FAMILY.read(SPOOL, null),
      ...ROUTES_FAMILY.read(route({}), 'mailbox'),
      ...DEVICES_FAMILY.read(DEVICE, 'copier-2f'),
      ...BOX_FAMILY.read(box({}), null),
      ...BROKER_FAMILY.read(broker(true, HOUR), null),
      ...BROKER_FAMILY.read(broker(false, 60_000), null),
      ...AGENT_FAMILY.read(AGENT, null),
    ];
    expect(all.filter(({ grade, why }) => grade !== 'ok' || why !== null)).toEqual([]);
  });

  test('has a name with its unit, a unit and a sentence of help, once', () => {
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
    for (const { name, unit, help } of METRICS) {
      expect(name).toMatch(/^[a-z0-9_]+$/);
      expect(unit).not.toBe('');
      expect(help).toMatch(/^[A-Z].*\.$/);
    }
  });

  test('is unknown, and ok, where the box has no sensor for it', () => {
    const bare = box({
      ...{ celsius: null, isUnderVoltage: null, wasUnderVoltage: null, isThrottled: null, wornPercent: null },
      ...{ errors: null, isReadOnly: null, disk: null, memoryTotalBytes: null, isClockSynchronised: null },
    });
    const readings = BOX_FAMILY.read(bare, null);
    expect(readings.filter(({ value }) => value === null).length).toBeGreaterThan(9);
    expect(readings.filter(({ grade }) => grade !== 'ok')).toEqual([]);
  });
});

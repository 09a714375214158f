/** Room report of one site with a real spool and a hand-made health, for a real broker. */

import type { Clock } from '../../../src/core/clock.ts';
import { createSystemClock } from '../../../src/core/clock.ts';
import type { DeviceHealth, HealthReport, Reading } from '../../../src/health/types.ts';
import type { CommandRequest, ExecuteCommand } from '../../../src/report/commands.ts';
import { createReport } from '../../../src/report/report.ts';
import { mqttSettings } from '../../../src/report/settings.ts';
import type { Report, SiteFacts } from '../../../src/report/types.ts';
import { createQuietLog, type QuietLog } from '../../support/quiet-log.ts';
import { openTestSpool, type TestSpool } from '../../support/spool.ts';

export interface TestHealth {
  /** Changes what health says, and tells it. */
  say(readings: Reading[]): void;
  devices: DeviceHealth[];
}

export interface TestSite {
  report: Report;
  health: TestHealth;
  store: TestSpool;
  log: QuietLog;
  /** What the commands asked for. */
  asked: CommandRequest[];
  stop(): Promise<void>;
}

export interface TestSiteOptions {
  url: string;
  id?: string;
  clock?: Clock;
  /** Further keys of the mqtt settings. */
  settings?: Record<string, unknown>;
  facts?: Partial<SiteFacts>;
  /** Folder of an earlier run. */
  store?: TestSpool;
  execute?: ExecuteCommand;
  devices?: DeviceHealth[];
  /** What health says at first. */
  readings?: Reading[];
}

export const WAITING: Reading = {
  metric: { name: 'spool_waiting_count', family: 'spool', unit: 'count', help: 'Messages that wait.' },
  ...{ of: null, value: 3, grade: 'ok', why: null },
};

export const PAUSED: Reading = {
  metric: { name: 'route_state', family: 'routes', unit: 'state', help: 'State of a route.' },
  ...{ of: 'mail-box', value: 'paused', grade: 'fail' },
  why: { code: 'route.sign-in.refused', cause: 'Microsoft 365 refused the sign-in.', advice: 'Renew it.' },
};

export function testDevice(id: string, more: Partial<DeviceHealth> = {}): DeviceHealth {
  return {
    ...{ id, address: '192.168.50.21', profile: 'ricoh/mp-c2503', lastSeenAt: 1, lastMessageAt: 1 },
    ...{ accepted: 1, delivered: 1, failed: 0, waiting: 0, tls: 'TLSv1', grade: 'ok', why: null },
    ...more,
  };
}

/** Starts the room; it connects by itself. */
export async function startTestSite(options: TestSiteOptions): Promise<TestSite> {
  const clock = options.clock ?? createSystemClock(0);
  const store = options.store ?? (await openTestSpool({ clock }));
  const log = createQuietLog();
  const asked: CommandRequest[] = [];
  const listeners = new Set<(report: HealthReport) => void>();
  let readings: Reading[] = options.readings ?? [WAITING];
  const health: TestHealth = {
    say(next) {
      readings = next;
      for (const listener of listeners) listener(latest());
    },
    devices: options.devices ?? [testDevice('copier-2f')],
  };
  const latest = (): HealthReport => ({
    ts: clock.now(),
    grade: readings.some(({ grade }) => grade === 'fail') ? 'fail' : 'ok',
    readings,
  });
  const report = createReport({
    ...{ clock, log, spool: store.spool, startedAt: 0 },
    random: () => 0.001,
    health: {
      report: latest,
      devices: () => health.devices,
      onReport(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    settings: mqttSettings().parse({ url: options.url, ...options.settings }),
    site: () => ({
      ...{ id: options.id ?? 'berlin-hq', name: 'Berlin HQ', version: '1.2.3', host: 'box', config: 'abc' },
      ...{ url: null, routes: ['mail-box'], devices: [{ id: 'copier-2f', name: 'copier-2f' }] },
      ...options.facts,
    }),
    execute: async (request) => {
      asked.push(request);
      return options.execute ? options.execute(request) : { done: request.verb };
    },
  });
  await report.start();
  return {
    ...{ report, health, store, log, asked },
    async stop() {
      await report.stop();
      if (options.store === undefined) await store.close();
    },
  };
}

/** Health of a simulated site: every metric there is, of two routes and a few devices, all well. */
import { METRICS } from '../../src/health/index.ts';
import type { MetricDescription } from '../../src/health/metric.ts';
import type { DeviceHealth, Health, HealthReport, Reading } from '../../src/health/types.ts';

export interface SiteHealth extends Pick<Health, 'report' | 'devices' | 'onReport'> {
  /** A regular look: numbers have moved a little. */
  look(): void;
  /** One scan of a device has been accepted and delivered. */
  scan(device: number): void;
}

const ROUTES = ['mailbox', 'direct'];
/** A number that a small box would show, by unit; what moves is moved by the random number. */
const VALUES: Record<string, (random: number) => Reading['value']> = {
  s: (random) => Math.floor(random * 86_400),
  ms: (random) => Math.round(random * 200) / 10,
  bytes: (random) => Math.floor(40_000_000 + random * 1_000_000),
  percent: (random) => Math.round(random * 500) / 10,
  celsius: (random) => Math.round(450 + random * 80) / 10,
  count: (random) => Math.floor(random * 4),
  bool: () => true,
  state: () => 'open',
};

export function createSiteHealth(options: { devices: number; now(): number; random(): number }): SiteHealth {
  const { now, random } = options;
  const listeners = new Set<(report: HealthReport) => void>();
  const devices = Array.from({ length: options.devices }, (_, index) => deviceOf(index, now()));
  let ts = now();

  function report(): HealthReport {
    const readings = METRICS.flatMap((metric) =>
      namesOf(metric, devices).map((of) => readingOf(metric, of, random())),
    );
    return { ts, grade: 'ok', readings };
  }

  function tell(): void {
    const current = report();
    for (const listener of listeners) listener(current);
  }

  return {
    report,
    devices: () => devices,
    onReport(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look() {
      ts = now();
      tell();
    },
    scan(index) {
      const device = devices[index % devices.length];
      if (device === undefined) return;
      Object.assign(device, { lastSeenAt: now(), lastMessageAt: now() });
      device.accepted += 1;
      device.delivered += 1;
      tell();
    },
  };
}

function namesOf({ each }: MetricDescription, devices: readonly DeviceHealth[]): (string | null)[] {
  if (each === 'route') return ROUTES;
  return each === 'device' ? devices.map(({ id }) => id) : [null];
}

function readingOf(metric: MetricDescription, of: string | null, random: number): Reading {
  const { name, family, unit, help } = metric;
  // A queue that is empty is the usual one; the fleet sorts by its age.
  const value = name.startsWith('spool_') && unit !== 'bytes' ? 0 : (VALUES[unit]?.(random) ?? random);
  return { metric: { name, family, unit, help }, of, value, grade: 'ok', why: null };
}

function deviceOf(index: number, now: number): DeviceHealth {
  return {
    ...{ id: `copier-${index + 1}`, address: `192.168.50.${20 + index}`, profile: 'ricoh/mp-c2503' },
    ...{ lastSeenAt: now, lastMessageAt: now, accepted: 800, delivered: 800, failed: 0, waiting: 0 },
    ...{ tls: 'TLSv1.2', grade: 'ok', why: null },
  };
}

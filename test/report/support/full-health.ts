/** Health with a reading of every metric that is declared, for whoever reads what a site publishes. */
import { METRICS } from '../../../src/health/index.ts';
import type { MetricDescription } from '../../../src/health/metric.ts';
import type { Reading } from '../../../src/health/types.ts';

/** What there may be several of. */
export interface Things {
  routes: readonly string[];
  devices: readonly string[];
}

/** Readings that are all well, as a site with these routes and devices has them. */
export function fullReadings({ routes, devices }: Things): Reading[] {
  return METRICS.flatMap((metric) =>
    idsOf(metric.each, { routes, devices }).map((of) => ({
      ...{ metric, of, value: sampleOf(metric), grade: 'ok' as const, why: null },
    })),
  );
}

/** The same with another value and grade of one metric. */
export function withReading(readings: readonly Reading[], key: string, change: Partial<Reading>): Reading[] {
  if (!readings.some(({ metric }) => metric.name === key)) throw new Error(`there is no metric ${key}`);
  return readings.map((reading) => (reading.metric.name === key ? { ...reading, ...change } : reading));
}

function idsOf(each: MetricDescription['each'], { routes, devices }: Things): readonly (string | null)[] {
  switch (each) {
    case 'route':
      return routes;
    case 'device':
      return devices;
    case null:
      return [null];
  }
}

/** Differs from metric to metric, so that one taken for another is seen. */
function sampleOf({ name, unit }: MetricDescription): Reading['value'] {
  const number = METRICS.findIndex((metric) => metric.name === name) + 1;
  switch (unit) {
    case 'bool':
      return !name.includes('under_voltage');
    case 'state':
      return name === 'route_state' ? 'open' : `state ${number}`;
    default:
      return number + 0.5;
  }
}

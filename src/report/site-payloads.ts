/** Makes the payloads out of what health and the event table say. */
import type { EventRecord } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { problemsOf } from '../health/problem-list.ts';
import {
  type DeviceHealth,
  type Grade,
  type HealthReport,
  type Reading,
  readingKey,
} from '../health/types.ts';
import type { DeviceStatePayload, EventPayload, HealthPayload, TelemetryPayload } from './payloads.ts';

/** The same grades as numbers, for whoever can only graph. */
const GRADE_NUMBERS = { ok: 0, warn: 1, fail: 2 } as const satisfies Record<Grade, 0 | 1 | 2>;

export function healthPayload(report: HealthReport): HealthPayload {
  const { ts, grade, readings } = report;
  const problems = problemsOf(report).slice(0, LIMITS.reportProblemsMax);
  const metrics = readings.map((reading): Entry<HealthPayload['metrics'][string]> => {
    const { value, metric, grade: of } = reading;
    return { reading, entry: [readingKey(reading), { value, unit: metric.unit, grade: of }] };
  });
  const room = LIMITS.reportPayloadBytesMax - Buffer.byteLength(JSON.stringify(problems));
  return {
    ...{ ts, grade, grade_num: GRADE_NUMBERS[grade] },
    ...{ metrics: Object.fromEntries(fitting(metrics, room)), problems },
  };
}

/** Numbers only: most tools that graph MQTT leave texts and booleans out. A state is given as its grade. */
export function telemetryPayload({ ts, grade, readings }: HealthReport): TelemetryPayload {
  const numbers = readings.flatMap((reading): Entry<number>[] => {
    const value = asNumber(reading);
    return value === null ? [] : [{ reading, entry: [readingKey(reading), value] }];
  });
  const fit = fitting(numbers, LIMITS.reportPayloadBytesMax);
  return { ts, grade_num: GRADE_NUMBERS[grade], ...Object.fromEntries(fit) };
}

interface Entry<V> {
  reading: Reading;
  entry: [string, V];
}

/**
 * What of it has room in `bytesMax` of JSON: of many devices some are left out, those that are well first; the topic of
 * each device has it all.
 */
function fitting<V>(entries: readonly Entry<V>[], bytesMax: number): [string, V][] {
  const isLast = ({ reading: { metric, grade } }: Entry<V>) => metric.family === 'devices' && grade === 'ok';
  const wanted = [...entries.filter((each) => !isLast(each)), ...entries.filter(isLast)];
  let bytes = 0;
  return wanted.flatMap(({ entry }) => {
    bytes += Buffer.byteLength(JSON.stringify(entry));
    return bytes <= bytesMax ? [entry] : [];
  });
}

function asNumber({ value, grade }: Reading): number | null {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'boolean':
      return value ? 1 : 0;
    case 'string':
      return GRADE_NUMBERS[grade];
    default:
      return null;
  }
}

export function devicePayload(device: DeviceHealth): DeviceStatePayload {
  const { id, profile, accepted, delivered, failed, waiting, tls, grade, why } = device;
  return {
    ...{ id, profile, last_seen: device.lastSeenAt, last_message: device.lastMessageAt },
    ...{ accepted, delivered, failed, waiting, tls },
    ...{ grade, grade_num: GRADE_NUMBERS[grade] },
    problem: why === null ? null : { code: why.code, cause: why.cause, advice: why.advice },
  };
}

/** The event table never holds a subject, a body or a secret (core/events.ts), so its data goes out as it is. */
export function eventPayload(site: string, { seq, ts, type, data }: EventRecord): EventPayload {
  return { id: `${site}-${seq}`, seq, ts, type, data };
}

/** Makes the payloads out of what health and the event table say. */
import type { EventRecord } from '../core/events.ts';
import {
  type DeviceHealth,
  type Grade,
  type HealthReport,
  type Reading,
  readingKey,
} from '../health/types.ts';
import type { DeviceStatePayload, EventPayload, HealthPayload, TelemetryPayload } from './payloads.ts';

/** The same grades as numbers, for whoever can only graph. */
export const GRADE_NUMBERS = { ok: 0, warn: 1, fail: 2 } as const satisfies Record<Grade, 0 | 1 | 2>;

export function healthPayload({ ts, grade, readings }: HealthReport): HealthPayload {
  return {
    ...{ ts, grade, grade_num: GRADE_NUMBERS[grade] },
    metrics: Object.fromEntries(
      readings.map((reading) => [
        readingKey(reading),
        { value: reading.value, unit: reading.metric.unit, grade: reading.grade },
      ]),
    ),
    problems: problemsOf(readings),
  };
}

/** What is not well, the worst first. */
export function problemsOf(readings: readonly Reading[]): HealthPayload['problems'] {
  return readings
    .flatMap((reading) => {
      const { grade, why } = reading;
      if (why === null) return [];
      return [{ key: readingKey(reading), grade, code: why.code, cause: why.cause, advice: why.advice }];
    })
    .sort((a, b) => GRADE_NUMBERS[b.grade] - GRADE_NUMBERS[a.grade]);
}

/** Numbers only: most tools that graph MQTT leave texts and booleans out. A state is given as its grade. */
export function telemetryPayload({ ts, grade, readings }: HealthReport): TelemetryPayload {
  const numbers: [string, number][] = readings.flatMap((reading) => {
    const value = asNumber(reading);
    return value === null ? [] : [[readingKey(reading), value]];
  });
  return { ts, grade_num: GRADE_NUMBERS[grade], ...Object.fromEntries(numbers) };
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

/** Numbers as the sentences of health say them. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../core/durations.ts';

const STEPS: readonly [number, string][] = [
  [DAY_MS, 'day'],
  [HOUR_MS, 'hour'],
  [MINUTE_MS, 'minute'],
  [SECOND_MS, 'second'],
];

/** A length of time in its largest fitting unit, such as `3 hours`. */
export function durationWords(ms: number): string {
  const [size, unit] = STEPS.find(([step]) => ms >= step) ?? [SECOND_MS, 'second'];
  return countWords(Math.floor(ms / size), unit);
}

/** A number with its noun, such as `1 message` or `3 messages`. */
export function countWords(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A size in MB or GB of 1024. */
export function bytesWords(bytes: number): string {
  const mib = bytes / 1024 ** 2;
  return mib < 1024 ? `${mib.toFixed(0)} MB` : `${(mib / 1024).toFixed(1)} GB`;
}

/** A day as `2027-01-31`, in UTC. */
export function dayWords(epochMs: number): string {
  return Number.isFinite(epochMs) && Math.abs(epochMs) < 8.64e15
    ? new Date(epochMs).toISOString().slice(0, 10)
    : 'an unknown day';
}

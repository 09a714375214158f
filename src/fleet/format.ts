/** Numbers and times as people read them, in the table and on the pages. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../core/durations.ts';

const STEPS: readonly (readonly [number, string])[] = [
  [DAY_MS, 'd'],
  [HOUR_MS, 'h'],
  [MINUTE_MS, 'min'],
  [SECOND_MS, 's'],
];

/** A length of time in its largest fitting unit, such as `3 min`. */
export function formatDuration(ms: number): string {
  const [size, unit] = STEPS.find(([step]) => ms >= step) ?? [SECOND_MS, 's'];
  return `${Math.max(0, Math.floor(ms / size))} ${unit}`;
}

/** How long ago, such as `3 min ago`; a clock that is ahead of ours says `now`. */
export function formatAgo(at: number, now: number): string {
  return now - at < SECOND_MS ? 'now' : `${formatDuration(now - at)} ago`;
}

/** Date and time in the zone of this machine, to the second. */
export function formatTime(epochMs: number): string {
  const date = new Date(epochMs);
  if (Number.isNaN(date.getTime())) return 'unknown';
  const pad = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

const BYTE_UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

function formatBytes(bytes: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${trimNumber(bytes / 1024 ** power)} ${BYTE_UNITS[power]}`;
}

/** At most three digits that say something. */
function trimNumber(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** Suffix by unit, as health names them. */
const SUFFIX: Record<string, string> = {
  percent: ' %',
  celsius: ' °C',
  volts: ' V',
  count: '',
  state: '',
  '': '',
};

/** A reading with its unit, such as `48.2 °C` or `3 min`; a dash for what is not known. */
export function formatValue(value: number | boolean | string | null, unit: string): string {
  if (value === null) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  if (unit === 'bytes') return formatBytes(value);
  if (unit === 's') return value < 60 ? `${trimNumber(value)} s` : formatDuration(value * SECOND_MS);
  if (unit === 'bool') return value === 0 ? 'no' : 'yes';
  return `${trimNumber(value)}${SUFFIX[unit] ?? ` ${unit}`}`;
}

export function formatCount(value: number): string {
  return value.toLocaleString('en');
}

/**
 * Whether a device is silent for longer than usual, from the days on which it sent.
 *
 * Of each weekday is counted how often the device sent on it in the last eight weeks. A silence is unusual when a
 * device of that habit would show it less than twice in a thousand times: three working days for a copier
 * that is used every working day, a month for one that is used once a week. Days are counted, not messages, so
 * that a busy day or one large job moves nothing; nights and weekends are part of the habit.
 */
import { DAY_MS } from '../core/durations.ts';

const WEEK = 7;
/** Eight of each weekday: enough to tell a habit, few enough to follow a changed one. */
export const HABIT_DAYS = 8 * WEEK;
/** Fewer days tell no habit. */
const ACTIVE_DAYS_MIN = 5;
const SPAN_DAYS_MIN = 2 * WEEK;
/** A site with twenty devices would be told of one false silence in some months. */
const CHANCE_MAX = 0.002;

/** Days since 1970-01-01; local, as habits are. */
export type Day = number;

export interface Silence {
  /** Whole days without a message, those left out on which the box did not run. */
  days: number;
  isUnusual: boolean;
}

/** The day of a moment, in the time zone of the box. */
export function dayOf(epochMs: number): Day {
  const offsetMs = new Date(epochMs).getTimezoneOffset() * 60_000;
  return Math.floor((epochMs - offsetMs) / DAY_MS);
}

/**
 * @param active days on which the device sent, ascending, no day twice.
 * @param off days on which the box did not run: they tell nothing.
 * @returns null while its habit is not known.
 */
export function silenceOf(active: readonly Day[], off: ReadonlySet<Day>, today: Day): Silence | null {
  const last = active.at(-1);
  if (last === undefined || last > today) return null;
  const known = active.filter((day) => day > last - HABIT_DAYS);
  const first = known[0] ?? last;
  if (known.length < ACTIVE_DAYS_MIN || last - first + 1 < SPAN_DAYS_MIN) return null;
  const chances = chancesOf(new Set(known), off, { first, last });
  let days = 0;
  let chance = 1;
  // Past a year nothing changes any more.
  const end = Math.min(today, last + 366);
  for (let day = last + 1; day < end; day++) {
    if (off.has(day)) continue;
    days++;
    chance *= 1 - (chances[weekdayOf(day)] ?? 0);
  }
  return { days, isUnusual: chance < CHANCE_MAX };
}

/** How likely the device sends on each weekday (rule of succession: nothing is certain after a few weeks). */
function chancesOf(
  active: ReadonlySet<Day>,
  off: ReadonlySet<Day>,
  { first, last }: { first: Day; last: Day },
): number[] {
  const sent = new Array<number>(WEEK).fill(0);
  const seen = new Array<number>(WEEK).fill(0);
  for (let day = first; day <= last; day++) {
    if (off.has(day)) continue;
    const weekday = weekdayOf(day);
    seen[weekday] = (seen[weekday] ?? 0) + 1;
    if (active.has(day)) sent[weekday] = (sent[weekday] ?? 0) + 1;
  }
  return seen.map((count, weekday) => ((sent[weekday] ?? 0) + 1) / (count + 2));
}

function weekdayOf(day: Day): number {
  return ((day % WEEK) + WEEK) % WEEK;
}

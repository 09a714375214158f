/** How much a counter grows in a day, from a look an hour; it may start again at zero. */

import type { Clock } from '../core/clock.ts';
import { DAY_MS, HOUR_MS } from '../core/durations.ts';

export interface DayRate {
  /** Takes in the counter; null where it can't be read. */
  add(count: number | null): void;
  /** Growth in the last 24 hours; reckoned up from at least one hour before a whole day is known, null before that. */
  perDay(): number | null;
}

interface Look {
  at: number;
  grown: number;
}

export function createDayRate(clock: Clock): DayRate {
  /** At most one an hour, the latest day of them. */
  const looks: Look[] = [];
  let before: number | null = null;
  let grown = 0;

  return {
    add(count) {
      if (count === null) return;
      if (before !== null) grown += count >= before ? count - before : count;
      before = count;
      const at = clock.monotonicMs();
      const last = looks.at(-1);
      if (last !== undefined && at - last.at < HOUR_MS) return;
      looks.push({ at, grown });
      while ((looks[1]?.at ?? Number.POSITIVE_INFINITY) <= at - DAY_MS) looks.shift();
    },
    perDay() {
      const first = looks[0];
      const overMs = first === undefined ? 0 : clock.monotonicMs() - first.at;
      if (first === undefined || overMs < HOUR_MS) return null;
      return Math.round(((grown - first.grown) * DAY_MS) / overMs);
    },
  };
}

/** Notices when the wall clock has been set, and keeps ages honest across it. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';

export interface ClockWatch {
  /** How far the wall clock has jumped since the last look, in milliseconds; 0 when it has not. */
  jumpMs(): number;
  /**
   * Age of a message, in milliseconds, never negative. Time that only the clock skipped is not counted: a box that
   * started with last week's time and then heard from a time server must not find its new messages a week old.
   */
  ageMs(receivedAt: number): number;
}

interface Jump {
  /** Wall clock just before the jump: only what was received up to then skipped time. */
  before: number;
  byMs: number;
}

/** A clock that is set again and again is broken; only the latest jumps matter. */
const JUMPS_KEPT_MAX = 20;

/** Makes a watch that compares the wall clock with the monotonic one from now on. */
export function createClockWatch(clock: Clock): ClockWatch {
  let wall = clock.now();
  let steady = clock.monotonicMs();
  const jumps: Jump[] = [];

  return {
    jumpMs() {
      const expected = wall + (clock.monotonicMs() - steady);
      wall = clock.now();
      steady = clock.monotonicMs();
      const byMs = wall - expected;
      if (Math.abs(byMs) < LIMITS.clockJumpMinMs) return 0;
      if (byMs > 0) jumps.push({ before: expected, byMs });
      if (jumps.length > JUMPS_KEPT_MAX) jumps.shift();
      return byMs;
    },
    ageMs(receivedAt) {
      const skipped = jumps.filter((jump) => receivedAt <= jump.before);
      return Math.max(0, clock.now() - receivedAt - skipped.reduce((sum, jump) => sum + jump.byMs, 0));
    },
  };
}

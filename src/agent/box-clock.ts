/**
 * The clock of the box, doubted where it is behind what the box itself wrote last: without a battery it starts with the
 * time of its image, or of an earlier stop, until a time server is heard.
 */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';

export interface BoxClock extends Clock {
  /** To be told at the start. @param latestEventAt null where nothing was written yet. */
  hasWritten(latestEventAt: number | null): void;
}

export function createBoxClock(clock: Clock): BoxClock {
  let floorMs: number | null = null;
  let doubtEndsAt = 0;

  function isDoubted(): boolean {
    if (floorMs === null) return false;
    // For good: with the right time, an event of a clock that ran ahead says nothing.
    if (clock.now() >= floorMs || clock.monotonicMs() >= doubtEndsAt) floorMs = null;
    return floorMs !== null;
  }

  return {
    ...clock,
    isSet: () => clock.isSet() && !isDoubted(),
    hasWritten(latestEventAt) {
      // What a time server corrects in passing is no other time.
      floorMs = latestEventAt === null ? null : latestEventAt - LIMITS.clockJumpMinMs;
      doubtEndsAt = clock.monotonicMs() + LIMITS.clockDoubtMaxMs;
    },
  };
}

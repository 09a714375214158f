/** A clock that runs some times faster than the real one, for limits of seconds against real sockets. */
import { type Clock, createSystemClock } from '../../../src/core/clock.ts';

/** Timers fire after `1 / factor` of their delay; the wall clock is the real one. */
export function createFastClock(factor: number): Clock {
  const real = createSystemClock(0);
  return {
    ...real,
    monotonicMs: () => real.monotonicMs() * factor,
    schedule: (delayMs, fn) => real.schedule(delayMs / factor, fn),
  };
}

/** The one source of time; every other room receives a Clock. */

/** A pending timer; cancelling twice is harmless. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, epoch milliseconds. May jump. */
  now(): number;
  /** Never goes back; for durations and retry delays within one run. */
  monotonicMs(): number;
  /** False while the wall clock can't be believed (a Pi without RTC before NTP): sending then waits. */
  isSet(): boolean;
  /** Calls `fn` once after `delayMs`. Does not keep the process alive. */
  schedule(delayMs: number, fn: () => void): Timer;
}

/** Longest delay setTimeout takes as it is; a larger one would fire at once (Node.js timers). */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/**
 * The system clock.
 * @param floorMs a time that has certainly passed, such as the build time: a wall clock before it has not been set yet.
 */
export function createSystemClock(floorMs: number): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    isSet: () => Date.now() >= floorMs,
    schedule(delayMs, fn) {
      const handle = setTimeout(fn, Math.min(Math.max(delayMs, 0), TIMEOUT_MAX_MS));
      handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}

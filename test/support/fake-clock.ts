/** A clock the test moves by hand; timers fire in order as it passes them. */
import type { Clock, Timer } from '../../src/core/clock.ts';

export interface FakeClock extends Clock {
  /** Moves time on, firing every timer that comes due, then lets pending promises run. */
  advance(ms: number): Promise<void>;
  /** Jumps the wall clock without moving timers, as NTP does. */
  setWallClock(nowMs: number): void;
  setIsSet(isSet: boolean): void;
  /** Timers that wait. */
  pendingTimers(): number;
}

interface Entry {
  at: number;
  fn: () => void;
}

export function createFakeClock(startMs = Date.UTC(2026, 10, 24, 8, 0, 0)): FakeClock {
  let wallOffset = startMs;
  let elapsed = 0;
  let isSet = true;
  const entries = new Set<Entry>();

  function nextDue(limit: number): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of entries) if (entry.at <= limit && (!first || entry.at < first.at)) first = entry;
    return first;
  }

  return {
    now: () => wallOffset + elapsed,
    monotonicMs: () => elapsed,
    isSet: () => isSet,
    schedule(delayMs, fn): Timer {
      const entry = { at: elapsed + Math.max(0, delayMs), fn };
      entries.add(entry);
      return { cancel: () => entries.delete(entry) };
    },
    async advance(ms) {
      const target = elapsed + ms;
      for (let due = nextDue(target); due; due = nextDue(target)) {
        entries.delete(due);
        elapsed = due.at;
        due.fn();
        await new Promise((resolve) => setImmediate(resolve));
      }
      elapsed = target;
      await new Promise((resolve) => setImmediate(resolve));
    },
    setWallClock: (nowMs) => {
      wallOffset = nowMs - elapsed;
    },
    setIsSet: (value) => {
      isSet = value;
    },
    pendingTimers: () => entries.size,
  };
}

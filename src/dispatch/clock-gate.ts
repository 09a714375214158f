/** Holds sending back while the clock is not set, and says so once. */
import type { Clock } from '../core/clock.ts';
import type { NewEvent } from '../core/events.ts';

export interface ClockGate {
  /** Whether sending may go on; announces a change. */
  isOpen(): boolean;
  /** Wall clock, as far as it can be told, since which the gate is closed; null while it is open. */
  closedSince(): number | null;
}

/** Makes the gate; certificates and sign-ins need the right time, so nothing is sent without it. */
export function createClockGate(clock: Clock, announce: (event: NewEvent) => void): ClockGate {
  let closedSince: number | null = null;
  return {
    isOpen() {
      const isSet = clock.isSet();
      const now = clock.now();
      if (!isSet && closedSince === null) {
        closedSince = now;
        announce({ type: 'clock.unset', data: { now } });
      }
      if (isSet && closedSince !== null) {
        closedSince = null;
        announce({ type: 'clock.set', data: { now } });
      }
      return isSet;
    },
    closedSince: () => closedSince,
  };
}

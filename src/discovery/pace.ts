/** How fast the search may ask: one question after the other, evenly, so that no old device is flooded. */
import type { Clock } from '../core/clock.ts';

export interface Pace {
  /** Resolves when the next question may go out, or at once when the search is over. */
  turn(signal: AbortSignal): Promise<void>;
}

/** @param perSecond datagrams and connection attempts a second, all devices together. */
export function createPace(clock: Clock, perSecond: number): Pace {
  const intervalMs = 1000 / perSecond;
  let nextAt = 0;
  return {
    async turn(signal) {
      const now = clock.monotonicMs();
      const at = Math.max(now, nextAt);
      nextAt = at + intervalMs;
      if (at <= now || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          timer.cancel();
          signal.removeEventListener('abort', go);
          resolve();
        };
        const timer = clock.schedule(at - now, go);
        signal.addEventListener('abort', go);
      });
    },
  };
}

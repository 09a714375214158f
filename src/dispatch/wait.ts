/** Waiting for a promise, but not for ever. */
import type { Clock } from '../core/clock.ts';

/** Resolves with true when `promise` ends within `ms`, with false when it does not; never rejects. */
export function endsWithin(clock: Clock, ms: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.schedule(ms, () => resolve(false));
    const done = () => {
      timer.cancel();
      resolve(true);
    };
    promise.then(done, done);
  });
}

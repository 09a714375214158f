/** Waits that end: by the result, by the clock, or by the signal to stop. */
import type { Clock } from '../core/clock.ts';
import { AttemptAborted, throwIfAborted } from './failure.ts';

export interface Bounds {
  clock: Clock;
  signal: AbortSignal;
}

/**
 * Waits for `work` for at most `limitMs`. Work that comes too late is ignored; ending it is up to the caller.
 * @throws what `onTimeout` makes, AttemptAborted, or what `work` throws.
 */
export async function within<T>(
  work: Promise<T>,
  { clock, signal }: Bounds,
  { limitMs, onTimeout }: { limitMs: number; onTimeout: () => Error },
): Promise<T> {
  // The loser of the race is still handled, so a late failure is no unhandled rejection.
  work.catch(() => {});
  throwIfAborted(signal);
  const ended = Promise.withResolvers<never>();
  const timer = clock.schedule(limitMs, () => ended.reject(onTimeout()));
  const onAbort = () => ended.reject(new AttemptAborted());
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, ended.promise]);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

/** Waits that end: by the result, by the clock, or by the signal to stop. */
import type { Clock } from '../core/clock.ts';
import { AttemptAborted } from './failure.ts';

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
  const ended = Promise.withResolvers<T>();
  work.then(ended.resolve, ended.reject);
  if (signal.aborted) ended.reject(new AttemptAborted());
  const timer = clock.schedule(limitMs, () => ended.reject(onTimeout()));
  const onAbort = () => ended.reject(new AttemptAborted());
  signal.addEventListener('abort', onAbort);
  try {
    return await ended.promise;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

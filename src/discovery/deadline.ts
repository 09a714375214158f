/** A time limit for one piece of work with the network, as a signal that sockets understand. */
import { setMaxListeners } from 'node:events';
import type { Clock } from '../core/clock.ts';

export interface Deadline {
  /** Aborts when the time is over, or when the whole search is. */
  signal: AbortSignal;
  /** Call it when the work is done: ends the limit, and whatever of the work is still under way. */
  clear(): void;
}

/** A limit of `ms` milliseconds below the limit `outer`. */
export function startDeadline(clock: Clock, ms: number, outer: AbortSignal): Deadline {
  const controller = new AbortController();
  // A search has some dozen questions under way at once, and each listens for its end.
  setMaxListeners(0, controller.signal);
  const abort = (): void => controller.abort();
  const timer = clock.schedule(ms, abort);
  outer.addEventListener('abort', abort, { once: true });
  if (outer.aborted) abort();
  return {
    signal: controller.signal,
    clear() {
      timer.cancel();
      outer.removeEventListener('abort', abort);
      abort();
    },
  };
}

/** Runs `work` under a limit of `ms` milliseconds; `work` must end when its signal aborts. */
export async function withinDeadline<T>(
  clock: Clock,
  limit: { ms: number; outer: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = startDeadline(clock, limit.ms, limit.outer);
  try {
    return await work(deadline.signal);
  } finally {
    deadline.clear();
  }
}

/** Resolves when `signal` aborts; never rejects. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

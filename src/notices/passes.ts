/** When the notices look for news: one look at a time, the earliest that is wanted; after an error again a minute later. */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';

export interface Passes {
  /** Plans the first one, at once. */
  start(): void;
  /** Wants a pass in `delayMs` or earlier. */
  plan(delayMs: number): void;
  /** Passes at once; resolves when that is over, well or not. */
  now(): Promise<void>;
  /** Resolves when none is under way. */
  stop(): Promise<void>;
}

/** @param pass resolves with the milliseconds after which it wants to be called again, or null. */
export function createPasses(
  { clock, log }: { clock: Clock; log: Log },
  pass: () => Promise<number | null>,
): Passes {
  let planned: { at: number; timer: Timer } | null = null;
  let running: Promise<void> = Promise.resolve();
  let isStopped = true;

  function plan(delayMs: number): void {
    if (isStopped) return;
    const at = clock.monotonicMs() + delayMs;
    if (planned !== null && planned.at <= at) return;
    planned?.timer.cancel();
    planned = { at, timer: clock.schedule(delayMs, begin) };
  }

  function begin(): void {
    planned = null;
    void now();
  }

  function now(): Promise<void> {
    running = running.then(() => (isStopped ? undefined : passSafely()));
    return running;
  }

  async function passSafely(): Promise<void> {
    try {
      const againMs = await pass();
      if (againMs !== null) plan(againMs);
    } catch (error) {
      log.error('notice.write-failed', { error: describeError(error) });
      plan(LIMITS.noticeRetryMs);
    }
  }

  return {
    start() {
      isStopped = false;
      plan(0);
    },
    plan,
    now,
    async stop() {
      isStopped = true;
      planned?.timer.cancel();
      planned = null;
      await running;
    },
  };
}

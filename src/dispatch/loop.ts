/** Runs one pass at a time, when woken and when the time that the last pass named has come. */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';

const FIRST_BACKOFF_MS = 1000;

export interface Loop {
  /** Asks for a pass; many calls while one runs make one more pass. */
  wake(): void;
  /** No further pass begins; resolves when the running one has ended. */
  stop(): Promise<void>;
}

export interface LoopDeps {
  clock: Clock;
  log: Log;
  /** One pass; resolves with the wait before the next one unless woken earlier, in milliseconds. */
  pass(): Promise<number>;
}

/** Makes a loop; it does nothing until woken. */
export function createLoop({ clock, log, pass }: LoopDeps): Loop {
  let timer: Timer | null = null;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = false;
  let backoffMs = FIRST_BACKOFF_MS;

  /** A pass that fails is tried again after a growing wait: never at once, and never given up. */
  async function passOnce(): Promise<number> {
    try {
      const delayMs = await pass();
      backoffMs = FIRST_BACKOFF_MS;
      return delayMs;
    } catch (error) {
      log.error('dispatch.pass-failed', { error: describeError(error), nextInMs: backoffMs });
      again = false;
      const delayMs = backoffMs;
      backoffMs = Math.min(backoffMs * 2, LIMITS.dispatchSleepMaxMs);
      return delayMs;
    }
  }

  async function run(): Promise<void> {
    timer?.cancel();
    let delayMs: number;
    do {
      again = false;
      delayMs = await passOnce();
    } while (again && !stopped);
    running = null;
    if (!stopped) timer = clock.schedule(Math.min(delayMs, LIMITS.dispatchSleepMaxMs), wake);
  }

  function wake(): void {
    if (stopped) return;
    if (running !== null) again = true;
    // Not before `running` is set: a pass may wake the loop itself.
    else running = Promise.resolve().then(run);
  }

  return {
    wake,
    async stop() {
      stopped = true;
      timer?.cancel();
      await running;
    },
  };
}

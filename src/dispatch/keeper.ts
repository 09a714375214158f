/**
 * Durable writes that must not be lost while the spool can't write: tried again, with growing waits, until they
 * succeed or the room stops.
 *
 * After a delivery this matters most: a message that was delivered and not recorded would be sent again. So its
 * settlement stays here, in memory, and the delivery's place stays taken, which bounds how many there can be and
 * stops further sending while nothing can be recorded. Only a stop in that state leaves a duplicate possible.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log, type LogFields } from '../core/log.ts';

const FIRST_WAIT_MS = 1000;
const WAIT_MAX_MS = 60_000;

export interface Keeper {
  /** Runs `write` until it succeeds: true; or until a last try after `stop` has failed: false. */
  keep(what: LogFields, write: () => Promise<void>): Promise<boolean>;
  /** The same in the background, one after the other in the order of the calls. */
  enqueue(what: LogFields, write: () => Promise<void>): void;
  /** Resolves when nothing enqueued is left. */
  idle(): Promise<void>;
  /** Ends the waits; each write gets one last try. */
  stop(): void;
}

/** Makes a keeper. */
export function createKeeper({ clock, log }: { clock: Clock; log: Log }): Keeper {
  const waits = new Map<Timer, () => void>();
  let stopping = false;
  let waiting = 0;
  let tail: Promise<unknown> = Promise.resolve();

  function wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.schedule(delayMs, () => {
        waits.delete(timer);
        resolve();
      });
      waits.set(timer, resolve);
    });
  }

  async function keep(what: LogFields, write: () => Promise<void>): Promise<boolean> {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, WAIT_MAX_MS)) {
      const last = stopping;
      try {
        await write();
        return true;
      } catch (error) {
        log.error('dispatch.write-failed', { ...what, error: describeError(error), givenUp: last });
        if (last) return false;
      }
      if (!stopping) await wait(waitMs);
    }
  }

  return {
    keep,
    enqueue(what, write) {
      if (waiting >= LIMITS.recordsWaitingMax) {
        log.error('dispatch.write-dropped', { ...what, waiting });
        return;
      }
      waiting++;
      tail = tail.then(async () => {
        await keep(what, write);
        waiting--;
      });
    },
    async idle() {
      await tail;
    },
    stop() {
      stopping = true;
      for (const [timer, resolve] of waits) {
        timer.cancel();
        resolve();
      }
      waits.clear();
    },
  };
}

/**
 * Durable writes that must not be lost while the spool can't write: tried again, with growing waits, until they
 * succeed or the room stops. What no time can heal is not tried again, and what nobody can explain only so often:
 * neither may hold a place for ever.
 *
 * After a delivery this matters most: a message that was delivered and not recorded would be sent again. So its
 * settlement stays here, in memory, and the delivery's place stays taken. While any write fails that time will heal,
 * dispatch starts nothing new (failingSince). Only a stop in that state leaves a duplicate possible.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log, type LogFields } from '../core/log.ts';
import { SpoolRefusal, UnfitSettlement } from '../spool/types.ts';

const FIRST_WAIT_MS = 1000;

/** `unfit`: it never will be written; `given-up`: a last try after `stop`, or the last of many, has failed. */
export type KeepResult = 'written' | 'unfit' | 'given-up';

export interface Keeper {
  /** Runs `write` until it succeeds, or until there is no use in going on; that is logged as an error. Never rejects. */
  keep(what: LogFields, write: () => Promise<void>): Promise<KeepResult>;
  /** The same in the background, one after the other in the order of the calls. */
  enqueue(what: LogFields, write: () => Promise<void>): void;
  /** Tries once before it resolves; what the spool refused then goes on in the background. Rejects with other errors. */
  tryThenEnqueue(what: LogFields, write: () => Promise<void>): Promise<void>;
  /** Wall clock since which some write waits for a spool that refuses it; null while none does. */
  failingSince(): number | null;
  /** Resolves when nothing enqueued is left. */
  idle(): Promise<void>;
  /** Ends the waits; each write gets one last try. */
  stop(): void;
}

export interface KeeperDeps {
  clock: Clock;
  log: Log;
  /** Nothing waits for the spool any more. */
  onHealed?(): void;
}

/** Makes a keeper. */
export function createKeeper({ clock, log, onHealed }: KeeperDeps): Keeper {
  const waits = new Map<Timer, () => void>();
  let stopping = false;
  let waiting = 0;
  let failing = 0;
  let since: number | null = null;
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

  function beginFailing(): void {
    failing++;
    since ??= clock.now();
  }

  function endFailing(): void {
    if (--failing > 0) return;
    since = null;
    onHealed?.();
  }

  async function keep(what: LogFields, write: () => Promise<void>): Promise<KeepResult> {
    const failure = await failureOf(write, stopping);
    return failure === null ? 'written' : keepOn(what, write, failure);
  }

  async function keepOn(what: LogFields, write: () => Promise<void>, failure: Failure): Promise<KeepResult> {
    let isFailing = false;
    try {
      return await keepTrying({ what, write, failure }, () => {
        if (!isFailing) beginFailing();
        isFailing = true;
      });
    } finally {
      if (isFailing) endFailing();
    }
  }

  async function keepTrying(
    { what, write, failure: first }: { what: LogFields; write: () => Promise<void>; failure: Failure },
    onRefused: () => void,
  ): Promise<KeepResult> {
    let triesLeft: number = LIMITS.unexplainedWriteTriesMax;
    let waitMs = FIRST_WAIT_MS;
    for (let failure: Failure | null = first; failure !== null; failure = await failureOf(write, stopping)) {
      if (failure.kind === 'passing') onRefused();
      else triesLeft--;
      const end = endOf(failure, { isLast: failure.isLast || triesLeft === 0 });
      const error = describeError(failure.error);
      log.error('dispatch.write-failed', { ...what, error, givenUp: end !== null });
      if (end !== null) return end;
      if (!stopping) await wait(waitMs);
      waitMs = longerWait(waitMs);
    }
    return 'written';
  }

  function enqueue(what: LogFields, write: () => Promise<void>): void {
    if (waiting >= LIMITS.recordsWaitingMax) {
      log.error('dispatch.write-dropped', { ...what, waiting });
      return;
    }
    waiting++;
    tail = tail.then(async () => {
      await keep(what, write);
      waiting--;
    });
  }

  return {
    keep,
    enqueue,
    async tryThenEnqueue(what, write) {
      const failure = await failureOf(write, stopping);
      if (failure === null) return;
      if (failure.kind !== 'passing') throw failure.error;
      beginFailing();
      enqueue(what, write);
      void tail.then(endFailing);
    },
    failingSince: () => since,
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

interface Failure {
  /** `passing`: the spool heals; `unfit`: no time helps. */
  kind: 'passing' | 'unfit' | 'unexplained';
  error: unknown;
  /** The try was made after `stop`. */
  isLast: boolean;
}

async function failureOf(write: () => Promise<void>, isLast: boolean): Promise<Failure | null> {
  try {
    await write();
    return null;
  } catch (error) {
    if (error instanceof SpoolRefusal) return { kind: 'passing', error, isLast };
    return { kind: error instanceof UnfitSettlement ? 'unfit' : 'unexplained', error, isLast };
  }
}

/** What the write has come to with this failure; null while it is to be tried again. */
function endOf({ kind }: Failure, { isLast }: { isLast: boolean }): KeepResult | null {
  if (kind === 'unfit') return 'unfit';
  return isLast ? 'given-up' : null;
}

function longerWait(waitMs: number): number {
  return Math.min(waitMs * 2, LIMITS.writeRetryMaxMs);
}

/** Watches that a dialogue moves: each wait has the limit of the reply that is due (RFC 5321 section 4.5.3.2). */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { Exchange } from './dialogue.ts';

export interface Watchdog {
  /** A step begins, which lasts LIMITS.sessionMaxMs at most, even where the server always moves just enough. */
  begin(): void;
  /** Starts a wait, or starts the running one anew because something moved. */
  feed(exchanges: readonly Exchange[], isBodyComplete: boolean): void;
  rest(): void;
}

/** A wait that starts anew leaves the timer as it is, which looks when it fires: one timer a message instead of ten. */
export function createWatchdog(clock: Clock, onTimeout: () => void): Watchdog {
  let timer: Timer | null = null;
  let firesAt = 0;
  let waitEndsAt = 0;
  let stepEndsAt = 0;

  function arm(): void {
    timer?.cancel();
    firesAt = waitEndsAt;
    timer = clock.schedule(firesAt - clock.monotonicMs(), look);
  }

  function look(): void {
    timer = null;
    if (clock.monotonicMs() >= waitEndsAt) onTimeout();
    else arm();
  }

  return {
    begin() {
      stepEndsAt = clock.monotonicMs() + LIMITS.sessionMaxMs;
    },
    feed(exchanges, isBodyComplete) {
      const limitMs = waitLimitMs(exchanges, isBodyComplete);
      waitEndsAt = Math.min(clock.monotonicMs() + limitMs, stepEndsAt);
      if (timer === null || waitEndsAt < firesAt) arm();
    },
    rest() {
      timer?.cancel();
      timer = null;
    },
  };
}

function waitLimitMs(exchanges: readonly Exchange[], isBodyComplete: boolean): number {
  const due = exchanges.find(({ reply }) => reply === null)?.stage;
  if (due === 'final') return isBodyComplete ? LIMITS.finalReplyMaxMs : LIMITS.routeDataBlockMaxMs;
  if (due === 'data') return LIMITS.routeDataReplyMaxMs;
  const isHandshake = due === undefined && exchanges.at(-1)?.stage === 'starttls';
  return isHandshake ? LIMITS.tlsHandshakeMaxMs : LIMITS.routeReplyMaxMs;
}

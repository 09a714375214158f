/** Watches that a dialogue moves: each wait has the limit of the reply that is due (RFC 5321 section 4.5.3.2). */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { Exchange } from './dialogue.ts';

export interface Watchdog {
  /** Starts a wait, or starts the running one anew because something moved. */
  feed(exchanges: readonly Exchange[], isBodyComplete: boolean): void;
  rest(): void;
}

export function createWatchdog(clock: Clock, onTimeout: () => void): Watchdog {
  let timer: Timer | null = null;
  return {
    feed(exchanges, isBodyComplete) {
      timer?.cancel();
      timer = clock.schedule(waitLimitMs(exchanges, isBodyComplete), onTimeout);
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

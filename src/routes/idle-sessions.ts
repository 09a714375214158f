/** Connections that wait a moment for the next message, so that a batch of scans needs one handshake and one sign-in. */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { SmtpSession } from './smtp-session.ts';

export interface IdleSessions {
  /** The freshest open session, or null. It is the caller's then. */
  take(): SmtpSession | null;
  /** Keeps a session for LIMITS.routeIdleMaxMs, or says goodbye where it is worn or there are enough. */
  keep(session: SmtpSession): void;
  stop(): void;
}

interface Kept {
  session: SmtpSession;
  until: number;
}

/** @param sessionsMax no more are kept than the route may have open. */
export function createIdleSessions(clock: Clock, sessionsMax: number): IdleSessions {
  /** The longest kept first. */
  const kept: Kept[] = [];
  /** Fires when the first of those that were kept then is due, whether it has been taken meanwhile or not. */
  let timer: Timer | null = null;
  let isStopped = false;

  function watch(): void {
    const [oldest] = kept;
    if (timer !== null || oldest === undefined) return;
    timer = clock.schedule(oldest.until - clock.monotonicMs(), () => {
      timer = null;
      while (kept[0] !== undefined && kept[0].until <= clock.monotonicMs()) kept.shift()?.session.quit();
      watch();
    });
  }

  return {
    take() {
      for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
        if (last.session.isOpen()) return last.session;
      }
      return null;
    },
    keep(session) {
      if (isStopped || isWorn(session) || kept.length >= sessionsMax) return session.quit();
      kept.push({ session, until: clock.monotonicMs() + LIMITS.routeIdleMaxMs });
      watch();
    },
    stop() {
      isStopped = true;
      timer?.cancel();
      for (const { session } of kept.splice(0)) session.quit();
    },
  };
}

function isWorn(session: SmtpSession): boolean {
  const { routeMessagesPerConnectionMax, routeConnectionAgeMaxMs } = LIMITS;
  return session.messages() >= routeMessagesPerConnectionMax || session.ageMs() >= routeConnectionAgeMaxMs;
}

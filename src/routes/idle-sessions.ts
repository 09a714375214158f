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

/** @param sessionsMax no more are kept than the route may have open. */
export function createIdleSessions(clock: Clock, sessionsMax: number): IdleSessions {
  const kept = new Map<SmtpSession, Timer>();
  let isStopped = false;

  function forget(session: SmtpSession): void {
    kept.get(session)?.cancel();
    kept.delete(session);
  }

  return {
    take() {
      for (const session of [...kept.keys()].reverse()) {
        forget(session);
        if (session.isOpen()) return session;
      }
      return null;
    },
    keep(session) {
      if (isStopped || isWorn(session) || kept.size >= sessionsMax) return session.quit();
      const timer = clock.schedule(LIMITS.routeIdleMaxMs, () => {
        forget(session);
        session.quit();
      });
      kept.set(session, timer);
    },
    stop() {
      isStopped = true;
      for (const session of [...kept.keys()]) {
        forget(session);
        session.quit();
      }
    },
  };
}

function isWorn(session: SmtpSession): boolean {
  const { routeMessagesPerConnectionMax, routeConnectionAgeMaxMs } = LIMITS;
  return session.messages() >= routeMessagesPerConnectionMax || session.ageMs() >= routeConnectionAgeMaxMs;
}

/** Who is signed in: sessions in memory, each with a token for its forms. A restart signs everybody out. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Explanation } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { isPassword } from './password.ts';
import { PROBLEMS } from './problems.ts';

export interface Session {
  id: string;
  /** Stands in every form of the session, so that no other site can send one. */
  formToken: string;
}

export interface Sessions {
  signIn(password: string): Promise<Session | Explanation>;
  /** The session of a cookie; keeps it alive. */
  find(id: string | undefined): Session | null;
  signOut(id: string): void;
}

export function isFormToken(session: Session, given: string | null): boolean {
  const [wanted, got] = [Buffer.from(session.formToken), Buffer.from(given ?? '')];
  return wanted.length === got.length && timingSafeEqual(wanted, got);
}

export function createSessions(deps: { clock: Clock; passwordHash: string }): Sessions {
  const { clock } = deps;
  const secret = randomBytes(32);
  /** When each was last used, by id; the one that was not used longest comes first. */
  const sessions = new Map<string, number>();
  let failures: number[] = [];

  function isBlocked(): boolean {
    const since = clock.monotonicMs() - LIMITS.pageSignInWindowMs;
    failures = failures.filter((at) => at > since);
    return failures.length >= LIMITS.pageSignInFailuresMax;
  }

  function sessionOf(id: string): Session {
    return { id, formToken: createHmac('sha256', secret).update(`form ${id}`).digest('base64url') };
  }

  function touch(id: string): void {
    sessions.delete(id);
    sessions.set(id, clock.monotonicMs());
    for (const oldest of sessions.keys()) {
      if (sessions.size <= LIMITS.pageSessionsMax) break;
      sessions.delete(oldest);
    }
  }

  return {
    async signIn(password) {
      if (isBlocked()) return PROBLEMS.tooManySignIns();
      // Counted before it is checked: many guesses at once must not slip through together.
      const at = clock.monotonicMs();
      failures.push(at);
      if (!(await isPassword(password, deps.passwordHash))) return PROBLEMS.wrongPassword();
      failures.splice(failures.indexOf(at), 1);
      const id = randomBytes(32).toString('base64url');
      touch(id);
      return sessionOf(id);
    },
    find(id) {
      const usedAt = id === undefined ? undefined : sessions.get(id);
      if (id === undefined || usedAt === undefined) return null;
      if (clock.monotonicMs() - usedAt > LIMITS.pageSessionIdleMs) {
        sessions.delete(id);
        return null;
      }
      touch(id);
      return sessionOf(id);
    },
    signOut: (id) => {
      sessions.delete(id);
    },
  };
}

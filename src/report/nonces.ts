/** Remembers the nonces of commands over restarts, so that none is obeyed twice. */
import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import type { Spool } from '../spool/types.ts';
import { NONCES_ROOM } from './facts.ts';

export interface Nonces {
  start(): Promise<void>;
  /**
   * Takes the nonce for a command that ends at `exp` (epoch seconds), at once: a second copy finds it taken. Says why
   * it can't be had: it has been used, or may have been; null when it is the caller's.
   */
  claim(nonce: string, exp: number): 'used' | 'forgotten' | 'full' | null;
  /** Writes a claimed nonce; resolves when it is on the disk. @param now epoch milliseconds. */
  keep(nonce: string, now: number): Promise<void>;
}

/** Ends of commands up to this one have been forgotten; kept beside the nonces, which can't hold a colon. */
const FORGOTTEN_KEY = 'forgotten:until';

export function createNonces(spool: Pick<Spool, 'getFacts' | 'putFact' | 'deleteFact'>): Nonces {
  const ends = new Map<string, number>();
  /** A clock that is set back must not bring forgotten commands back to life: nothing that ends by then is obeyed. */
  let forgottenUntil = 0;

  async function forget(now: number): Promise<void> {
    const old = [...ends].filter(([, exp]) => exp * 1000 + LIMITS.commandNonceKeepMs < now);
    if (old.length === 0) return;
    forgottenUntil = Math.max(forgottenUntil, ...old.map(([, exp]) => exp));
    await spool.putFact(NONCES_ROOM, FORGOTTEN_KEY, forgottenUntil);
    for (const [nonce] of old) {
      await spool.deleteFact(NONCES_ROOM, nonce);
      ends.delete(nonce);
    }
  }

  return {
    async start() {
      for (const [key, value] of await spool.getFacts(NONCES_ROOM)) {
        const exp = z.number().parse(value);
        if (key === FORGOTTEN_KEY) forgottenUntil = exp;
        else ends.set(key, exp);
      }
    },
    claim(nonce, exp) {
      if (ends.has(nonce)) return 'used';
      if (exp <= forgottenUntil) return 'forgotten';
      if (ends.size >= LIMITS.commandNoncesMax) return 'full';
      ends.set(nonce, exp);
      return null;
    },
    async keep(nonce, now) {
      await spool.putFact(NONCES_ROOM, nonce, ends.get(nonce));
      await forget(now);
    },
  };
}

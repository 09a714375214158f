/** Remembers the nonces of commands over restarts, so that none is obeyed twice. */
import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import type { Spool } from '../spool/types.ts';
import { NONCES_ROOM } from './facts.ts';

export interface Nonces {
  start(): Promise<void>;
  /** Why the command may not be obeyed: its nonce has been used, or may have been; null when it is fresh. */
  trouble(nonce: string, exp: number): 'used' | 'forgotten' | 'full' | null;
  /** Resolves when the nonce is on the disk. @param exp end of the command, epoch seconds. @param now epoch ms. */
  remember(nonce: string, exp: number, now: number): Promise<void>;
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
    trouble(nonce, exp) {
      if (ends.has(nonce)) return 'used';
      if (exp <= forgottenUntil) return 'forgotten';
      return ends.size >= LIMITS.commandNoncesMax ? 'full' : null;
    },
    async remember(nonce, exp, now) {
      // At once in memory, so that a second copy that comes before the commit finds it.
      ends.set(nonce, exp);
      await spool.putFact(NONCES_ROOM, nonce, exp);
      await forget(now);
    },
  };
}

/** Tells log and event table about refusals, without letting a hammering device wear the disk. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { Spool } from '../spool/types.ts';
import { createBoundedMap } from './bounded-map.ts';
import { explain, type ReplyCode, type SilentCode } from './replies.ts';

export interface Refusal {
  address: string;
  device: string | null;
  code: ReplyCode | SilentCode;
  /** What the device was told, or '' when it could not be told. */
  reply: string;
}

export interface Refusals {
  /** Logs and records; the same code of the same address at most once a minute. `details` go to the log only. */
  report(refusal: Refusal, details?: Record<string, unknown>): void;
}

export function createRefusals(deps: { clock: Clock; log: Log; spool: Pick<Spool, 'record'> }): Refusals {
  const lastAt = createBoundedMap<number>(LIMITS.trackedAddressesMax);

  function isRecent(key: string): boolean {
    const now = deps.clock.monotonicMs();
    const last = lastAt.get(key);
    if (last !== undefined && now - last < LIMITS.refusalRecordEveryMs) return true;
    lastAt.set(key, now);
    return false;
  }

  return {
    report(refusal, details = {}) {
      const { cause, advice } = explain(refusal.code);
      const fields = { ...refusal, cause, advice, ...details };
      if (isRecent(`${refusal.address} ${refusal.code}`)) {
        deps.log.debug('session.refused', fields);
        return;
      }
      deps.log.warn('session.refused', fields);
      deps.spool.record({ type: 'session.refused', data: refusal }).catch((error: unknown) => {
        deps.log.error('event.lost', { event: 'session.refused', error: describeError(error) });
      });
    },
  };
}

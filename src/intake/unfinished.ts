/**
 * Messages whose device goes silent before the final dot. Some devices believe by then that the scan is sent, so
 * what came is kept, held, for a person to release or cancel. A device that closes the connection knows that it
 * failed and sends again; nothing of that is kept.
 */
import type { Clock } from '../core/clock.ts';
import type { EventData } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { Spool } from '../spool/types.ts';
import { createWindowCounter } from './counters.ts';

export interface Unfinished {
  /** Whether another one of this device, by id or address, may be kept; counts it. */
  mayKeep(device: string): boolean;
  record(facts: EventData['session.unfinished']): void;
}

export function createUnfinished(deps: { clock: Clock; log: Log; spool: Pick<Spool, 'record'> }): Unfinished {
  const kept = createWindowCounter(deps.clock, LIMITS.messageRateWindowMs);
  return {
    mayKeep(device) {
      if (kept.count(device) >= LIMITS.unfinishedKeptMax) return false;
      kept.add(device);
      return true;
    },
    record(facts) {
      deps.log.warn('session.unfinished', { ...facts });
      deps.spool.record({ type: 'session.unfinished', data: facts }).catch((error: unknown) => {
        deps.log.error('event.lost', { event: 'session.unfinished', error: describeError(error) });
      });
    },
  };
}

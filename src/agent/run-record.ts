/** The events of the agent's own start and stop. */
import type { Clock } from '../core/clock.ts';
import { describeError, type Log } from '../core/log.ts';
import { createKeeper } from '../dispatch/keeper.ts';
import { VERSION } from '../program/version.ts';
import type { Spool } from '../spool/types.ts';

interface RecordDeps {
  clock: Clock;
  log: Log;
}

/**
 * Writes the event of the start, before anything else is written. A full disk delays the event and not the start:
 * devices are to hear 452, not a refused connection.
 */
export function keepStartRecord({ clock, log }: RecordDeps, spool: Spool): { stop(): Promise<void> } {
  const keeper = createKeeper({ clock, log });
  const type = 'agent.started';
  keeper.enqueue({ write: type }, () => spool.record({ type, data: { version: VERSION } }));
  return {
    async stop() {
      keeper.stop();
      await keeper.idle();
    },
  };
}

/** Writes the event of a clean stop; where that fails it is logged, and the next start finds none. */
export async function recordStop({ log }: RecordDeps, spool: Spool | undefined): Promise<void> {
  try {
    await spool?.record({ type: 'agent.stopped', data: { clean: true } });
  } catch (error) {
    // A spool that died is why we stop; its own error has been reported.
    log.warn('agent.stop-not-recorded', { error: describeError(error) });
  }
}

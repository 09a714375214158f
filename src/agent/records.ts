/** The events of what the agent itself does: a disk that takes none delays them, and nothing that is done waits for it. */
import type { Clock } from '../core/clock.ts';
import type { NewEvent } from '../core/events.ts';
import { describeError, type Log } from '../core/log.ts';
import { createKeeper } from '../dispatch/keeper.ts';
import { VERSION } from '../program/version.ts';
import type { Spool } from '../spool/types.ts';

interface RecordDeps {
  clock: Clock;
  log: Log;
}

export interface AgentRecords {
  /** Writes the event of the start, before anything else is written: devices are to hear 452, not a refused connection. */
  start(): void;
  /** Resolves when it is written, or waits for a disk that has to heal. Rejects where no time helps. */
  record(event: NewEvent): Promise<void>;
  /** Resolves with whether it is written, once that is known: when the disk has healed, or at the stop. Never rejects. */
  recordForSure(event: NewEvent): Promise<boolean>;
  /** Each that waits gets a last try. */
  stop(): Promise<void>;
}

export function createAgentRecords({ clock, log }: RecordDeps, spool: Pick<Spool, 'record'>): AgentRecords {
  const keeper = createKeeper({ clock, log });
  const unsure = new Set<Promise<unknown>>();
  const write = (event: NewEvent) => () => spool.record(event);
  return {
    start() {
      keeper.enqueue(
        { write: 'agent.started' },
        write({ type: 'agent.started', data: { version: VERSION } }),
      );
    },
    record: (event) => keeper.tryThenEnqueue({ write: event.type }, write(event)),
    async recordForSure(event) {
      const keeping = keeper.keep({ write: event.type }, write(event));
      unsure.add(keeping);
      const result = await keeping;
      unsure.delete(keeping);
      return result === 'written';
    },
    async stop() {
      keeper.stop();
      await Promise.all([keeper.idle(), ...unsure]);
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

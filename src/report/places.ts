/** A bound on work at once and on work that waits. */
import { BrokerUnavailable } from './broker-types.ts';
import { PROBLEMS } from './problems.ts';

export interface Places {
  /** Does `work` when there is a place. Rejects with BrokerUnavailable when too many wait already. */
  use<T>(work: () => Promise<T>): Promise<T>;
}

/** `atOnceMax` at the same time, `waitingMax` behind them. */
export function createPlaces(atOnceMax: number, waitingMax: number): Places {
  let busy = 0;
  const waiting: (() => void)[] = [];

  async function take(): Promise<void> {
    if (busy < atOnceMax) {
      busy += 1;
      return;
    }
    if (waiting.length >= waitingMax) throw new BrokerUnavailable(PROBLEMS.tooMuchWaiting());
    // The place is handed over, so that nobody slips in between.
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  function give(): void {
    const next = waiting.shift();
    if (next === undefined) busy -= 1;
    else next();
  }

  return {
    async use(work) {
      await take();
      try {
        return await work();
      } finally {
        give();
      }
    },
  };
}

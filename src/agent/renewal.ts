/** Keeps the certificate that devices are shown young: it is looked at once a day. */

import type { Clock, Timer } from '../core/clock.ts';
import { DAY_MS } from '../core/durations.ts';
import { describeError, type Log } from '../core/log.ts';

/**
 * Looks once a day whether the certificate nears its end or the box has got another address. A look under way is over
 * when `stop` resolves.
 */
export function renewDaily(
  { clock, log }: { clock: Clock; log: Log },
  renew: () => Promise<void>,
): { stop(): Promise<void> } {
  let timer: Timer;
  let looking: Promise<void> = Promise.resolve();
  let isStopped = false;

  async function look(): Promise<void> {
    try {
      await renew();
    } catch (error) {
      log.error('agent.certificate-not-renewed', { error: describeError(error) });
    }
    if (!isStopped) plan();
  }

  function plan(): void {
    timer = clock.schedule(DAY_MS, () => {
      looking = look();
    });
  }

  plan();
  return {
    async stop() {
      isStopped = true;
      timer.cancel();
      await looking;
    },
  };
}

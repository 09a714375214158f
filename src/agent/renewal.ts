/** Keeps the certificate that devices are shown young: it is looked at once a day. */

import type { Clock, Timer } from '../core/clock.ts';
import { DAY_MS } from '../core/durations.ts';
import { describeError, type Log } from '../core/log.ts';

/** Looks once a day whether the certificate nears its end or the box has got another address. */
export function renewDaily(
  deps: { clock: Clock; log: Log },
  renew: () => Promise<void>,
): { stop(): Promise<void> } {
  let timer: Timer;
  const look = async (): Promise<void> => {
    try {
      await renew();
    } catch (error) {
      deps.log.error('agent.certificate-not-renewed', { error: describeError(error) });
    }
    plan();
  };
  const plan = (): void => {
    timer = deps.clock.schedule(DAY_MS, () => void look());
  };
  plan();
  return { stop: async () => timer.cancel() };
}

/** How long to wait before the next try: exponential with full jitter, so that a thousand sites don't come back at once. */
import { LIMITS } from '../core/limits.ts';

/**
 * The wait before the try after `failures` failures in a row, milliseconds.
 * @param random from 0 to less than 1.
 */
export function reconnectDelayMs(failures: number, random: number): number {
  const doublings = Math.max(0, failures - 1);
  const windowMs = Math.min(LIMITS.brokerBackoffMaxMs, LIMITS.brokerBackoffMinMs * 2 ** doublings);
  return Math.round(random * windowMs);
}

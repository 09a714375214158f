/** When a recipient is tried again, as data and pure functions. */
import { MINUTE_MS as MINUTE } from '../core/durations.ts';
import { LIMITS } from '../core/limits.ts';

/**
 * Waits between attempts, in milliseconds; the last one repeats. Short at first, because a person stands at the
 * copier; RFC 5321 4.5.4.1 asks for at least two tries in the first hour and then one every two or three hours.
 */
export const RETRY_WAITS_MS = [1, 5, 10, 20, 40, 60, 120].map((minutes) => minutes * MINUTE);

/** Share by which a wait is lengthened or shortened, so that a backlog does not come back all at once. */
const JITTER = 0.15;

/** Spreads `delayMs` by the jitter; `random` is in [0, 1). */
export function jittered(delayMs: number, random: number): number {
  return Math.round(delayMs * (1 - JITTER + 2 * JITTER * random));
}

/**
 * Wait before the next attempt, in milliseconds.
 * @param tries tries spent, the one that just failed included; at least 1.
 * @param retryAfterMs what the other side asked for; respected up to LIMITS.retryDelayMaxMs.
 */
export function retryDelayMs(tries: number, retryAfterMs: number | null, random: number): number {
  const index = Math.min(Math.max(tries, 1), RETRY_WAITS_MS.length) - 1;
  const planned = jittered(RETRY_WAITS_MS[index] ?? MINUTE, random);
  return Math.min(Math.max(planned, retryAfterMs ?? 0), LIMITS.retryDelayMaxMs);
}

/**
 * Wait before the next attempt, or null when the message has grown too old for one. The last attempt is made when
 * the age limit is reached, not up to two hours before it.
 * @param ageMs how old the message is now.
 */
export function waitWithinAge(delayMs: number, ageMs: number, maxAgeMs: number): number | null {
  if (ageMs >= maxAgeMs) return null;
  return Math.min(delayMs, Math.max(maxAgeMs - ageMs, MINUTE));
}

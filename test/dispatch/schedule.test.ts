/** The retry plan: how long each wait is, and where the age limit ends it. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { RETRY_WAITS_MS, retryDelayMs, waitWithinAge } from '../../src/dispatch/schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('retryDelayMs', () => {
  it('follows the plan and then repeats its last wait', () => {
    const middle = (tries: number) => retryDelayMs(tries, null, 0.5) / MINUTE;
    expect([1, 2, 3, 4, 5, 6, 7, 8, 50].map(middle)).toEqual([1, 5, 10, 20, 40, 60, 120, 120, 120]);
  });

  it('spreads a wait by 15 percent to either side', () => {
    expect(retryDelayMs(2, null, 0)).toBe(4.25 * MINUTE);
    expect(retryDelayMs(2, null, 0.999999)).toBeCloseTo(5.75 * MINUTE, -2);
  });

  it('waits as long as the other side asks, but not shorter than planned and not beyond the limit', () => {
    expect(retryDelayMs(1, 30 * MINUTE, 0.5)).toBe(30 * MINUTE);
    expect(retryDelayMs(6, MINUTE, 0.5)).toBe(RETRY_WAITS_MS[5]);
    expect(retryDelayMs(1, 100 * HOUR, 0.5)).toBe(LIMITS.retryDelayMaxMs);
  });
});

describe('waitWithinAge', () => {
  it('puts the last attempt at the age limit', () => {
    expect(waitWithinAge(2 * HOUR, 95 * HOUR, 96 * HOUR)).toBe(HOUR);
    expect(waitWithinAge(2 * HOUR, 90 * HOUR, 96 * HOUR)).toBe(2 * HOUR);
  });

  it('leaves a minute at least, so that the end of the age is no burst of tries', () => {
    expect(waitWithinAge(2 * HOUR, 96 * HOUR - 5, 96 * HOUR)).toBe(MINUTE);
  });

  it('ends when the age limit is reached', () => {
    expect(waitWithinAge(MINUTE, 96 * HOUR, 96 * HOUR)).toBeNull();
  });
});

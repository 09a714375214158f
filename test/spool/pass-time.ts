/** Days that pass for a spool with a clock of the test's. */
import type { FakeClock } from '../support/fake-clock.ts';
import type { TestSpool } from '../support/spool.ts';

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Lets days pass; the next round of housekeeping is over when the answer to a later call is there. */
export async function pass({ spool }: TestSpool, clock: FakeClock, days: number): Promise<void> {
  clock.setWallClock(clock.now() + days * DAY_MS);
  await whenRoundOver(spool, clock);
  await clock.advance(HOUR_MS);
  await whenRoundOver(spool, clock);
}

/** A round has ended when the timer of the next one waits. */
async function whenRoundOver(spool: TestSpool['spool'], clock: FakeClock): Promise<void> {
  while (clock.pendingTimers() === 0) await spool.stats();
}

/** A child process whose spool goes through one round of housekeeping after the other, until it is killed. */
import { createFakeClock } from '../support/fake-clock.ts';
import { openTestSpool } from '../support/spool.ts';
import { pass } from './pass-time.ts';

const clock = createFakeClock();
const test = await openTestSpool({ directory: process.argv[2] ?? '', clock });
for (;;) await pass(test, clock, 0);

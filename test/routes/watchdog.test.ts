/** How long a dialogue may stand still, and how long it may take in all. */
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { Exchange } from '../../src/routes/dialogue.ts';
import { createWatchdog } from '../../src/routes/watchdog.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const due = (stage: Exchange['stage']): Exchange[] => [{ stage, reply: null }];

function start() {
  const clock = createFakeClock();
  let timeouts = 0;
  const watchdog = createWatchdog(clock, () => {
    timeouts++;
  });
  watchdog.begin();
  return { clock, watchdog, timeouts: () => timeouts };
}

test('a wait starts anew with each movement, over one timer', async () => {
  const { clock, watchdog, timeouts } = start();
  for (let moves = 0; moves < 10; moves++) {
    watchdog.feed(due('rcpt'), false);
    expect(clock.pendingTimers()).toBe(1);
    await clock.advance(LIMITS.routeReplyMaxMs - 1);
  }
  expect(timeouts()).toBe(0);
  await clock.advance(1);
  expect(timeouts()).toBe(1);
});

test('a shorter wait ends before the longer one that it follows', async () => {
  const { clock, watchdog, timeouts } = start();
  watchdog.feed(due('mail'), false);
  watchdog.feed(due('data'), false);
  await clock.advance(LIMITS.routeDataReplyMaxMs - 1);
  expect(timeouts()).toBe(0);
  await clock.advance(1);
  expect(timeouts()).toBe(1);
});

test('a server that always moves just enough is left when the whole step has taken too long', async () => {
  const { clock, watchdog, timeouts } = start();
  const stepMs = LIMITS.routeReplyMaxMs - 1;
  for (let at = 0; at + stepMs < LIMITS.sessionMaxMs; at += stepMs) {
    watchdog.feed(due('rcpt'), false);
    await clock.advance(stepMs);
  }
  expect(timeouts()).toBe(0);
  watchdog.feed(due('rcpt'), false);
  await clock.advance(LIMITS.sessionMaxMs % stepMs);
  expect(timeouts()).toBe(1);
});

test('at rest nothing runs out', async () => {
  const { clock, watchdog, timeouts } = start();
  watchdog.feed(due('final'), true);
  watchdog.rest();
  expect(clock.pendingTimers()).toBe(0);
  await clock.advance(LIMITS.finalReplyMaxMs);
  expect(timeouts()).toBe(0);
});

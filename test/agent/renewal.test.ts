/** The daily look at the certificate of the box. */
import { expect, test } from 'vitest';
import { renewDaily } from '../../src/agent/renewal.ts';
import { DAY_MS } from '../../src/core/durations.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createQuietLog } from '../support/quiet-log.ts';

test('comes each day, also after one that failed, which is logged', async () => {
  const [clock, log] = [createFakeClock(), createQuietLog()];
  let looks = 0;
  const renewal = renewDaily({ clock, log }, async () => {
    looks += 1;
    if (looks === 1) throw new Error('the disk is full');
  });
  await clock.advance(DAY_MS);
  await clock.advance(DAY_MS);
  expect(looks).toBe(2);
  expect(log.lines).toMatchObject([
    {
      event: 'agent.certificate-not-renewed',
      fields: { error: expect.stringContaining('the disk is full') },
    },
  ]);
  await renewal.stop();
});

test('is over when the agent has stopped, and comes no more', async () => {
  const clock = createFakeClock();
  const renewed = Promise.withResolvers<void>();
  const renewal = renewDaily({ clock, log: createQuietLog() }, () => renewed.promise);
  await clock.advance(DAY_MS);
  const order: string[] = [];
  const stopped = renewal.stop().then(() => order.push('stopped'));
  await new Promise(setImmediate);
  order.push('renewed');
  renewed.resolve();
  await stopped;
  expect(order).toEqual(['renewed', 'stopped']);
  expect(clock.pendingTimers()).toBe(0);
});

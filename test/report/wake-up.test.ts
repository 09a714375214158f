/** What is to be told is told, at whatever moment of a round under way it is noted. */
import { expect, test } from 'vitest';
import { createEventFeed } from '../../src/report/event-feed.ts';
import { createRetainedState } from '../../src/report/retained.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createQuietLog } from '../support/quiet-log.ts';

/** Between the last publish and the end of the round lie a few of these. */
const MOMENTS = [0, 1, 2, 3, 4, 5, 6, 7, 8];

async function moments(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) await null;
}

test.each(MOMENTS)(
  'a payload that is set %i moments after another was published is published too',
  async (count) => {
    const published: string[] = [];
    const acknowledged = Promise.withResolvers<void>();
    const retained = createRetainedState({
      log: createQuietLog(),
      async publish({ payload }) {
        published.push(payload);
        if (published.length === 1) await acknowledged.promise;
      },
    });
    retained.set('topic', 'first');
    acknowledged.resolve();
    await moments(count);
    retained.set('topic', 'second');
    await new Promise(setImmediate);
    expect(published).toEqual(['first', 'second']);
  },
);

test.each(MOMENTS)('an event that comes %i moments after another was told is told too', async (count) => {
  const clock = createFakeClock();
  const told: number[] = [];
  const isTold = Promise.withResolvers<void>();
  let wakeLater = (): void => {};
  const events = [1];
  const feed = createEventFeed({
    ...{ clock, log: createQuietLog(), startedAt: 0 },
    spool: {
      getFacts: async () => new Map(),
      putFact: async () => {},
      events: async (after: number) =>
        events
          .filter((seq) => seq > after)
          .map((seq) => ({ seq, ts: 1, type: 'agent.stopped', data: { clean: true } }) as const),
      onChange: (listener) => {
        wakeLater = listener;
        return () => {};
      },
    },
    isConnected: () => true,
    async publish({ seq }) {
      told.push(seq);
      if (seq === 1) isTold.resolve();
    },
  });
  await feed.start();
  await isTold.promise;
  await moments(count);
  events.push(2);
  wakeLater();
  await new Promise(setImmediate);
  expect(told).toEqual([1, 2]);
  await feed.stop();
});

/** The budgets of a route alone: the minute, the day, and a random check that no window is ever overfull. */
import { describe, expect, it } from 'vitest';
import { createBudget, DAY_WINDOW_MS, RATE_WINDOW_MS } from '../../src/dispatch/budget.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';

const limits = { messagesPerMinute: 3, recipientsPerDay: 10 };

describe('budget', () => {
  it('counts a message from its start until a whole window after its end', async () => {
    const clock = createFakeClock();
    const budget = createBudget(limits, clock);
    const spend = budget.take(1);
    await clock.advance(5 * RATE_WINDOW_MS);
    expect(budget.messagesLeft()).toBe(2);
    budget.settle(spend, 1);
    await clock.advance(RATE_WINDOW_MS - 1);
    expect(budget.messagesLeft()).toBe(2);
    await clock.advance(1);
    expect(budget.messagesLeft()).toBe(3);
  });

  it('reserves recipients at the start and keeps only those that were accepted', () => {
    const budget = createBudget(limits, createFakeClock());
    const spend = budget.take(8);
    expect(budget.recipientsLeft()).toBe(2);
    budget.settle(spend, 5);
    expect(budget.recipientsLeft()).toBe(5);
  });

  it('gives recipients back after a day and says when', async () => {
    const clock = createFakeClock();
    const budget = createBudget(limits, clock);
    budget.settle(budget.take(4), 4);
    await clock.advance(30 * 60_000);
    budget.settle(budget.take(6), 6);
    expect(budget.recipientsLeft()).toBe(0);
    const freeAt = budget.nextFreeAt() ?? 0;
    expect(freeAt).toBe(DAY_WINDOW_MS);
    await clock.advance(freeAt - clock.monotonicMs());
    expect(budget.recipientsLeft()).toBe(4);
  });

  it('recalls what an earlier run sent', async () => {
    const clock = createFakeClock();
    const budget = createBudget(limits, clock);
    budget.recallRecipient(DAY_WINDOW_MS - 1000);
    budget.recallRecipient(500);
    budget.recallMessage(RATE_WINDOW_MS - 500);
    expect([budget.messagesLeft(), budget.recipientsLeft()]).toEqual([2, 8]);
    await clock.advance(1000);
    expect([budget.messagesLeft(), budget.recipientsLeft()]).toEqual([3, 9]);
  });

  it('never lets more messages be counted in a minute than the limit, whenever the other side counts them', async () => {
    const seed = seedFromEnvironment();
    const random = createRandom(seed);
    const clock = createFakeClock();
    const budget = createBudget(limits, clock);
    const counted: number[] = [];
    const underWay: { startedAt: number; spend: ReturnType<typeof budget.take> }[] = [];
    for (let step = 0; step < 2000; step++) {
      await clock.advance(random() * 8000);
      if (random() < 0.6 && budget.messagesLeft() > 0) {
        underWay.push({ startedAt: clock.monotonicMs(), spend: budget.take(0) });
      }
      const done = random() < 0.5 ? underWay.shift() : undefined;
      if (!done) continue;
      budget.settle(done.spend, 0);
      counted.push(done.startedAt + random() * (clock.monotonicMs() - done.startedAt));
    }
    counted.sort((a, b) => a - b);
    const tooMany = counted.filter(
      (at, i) => (counted[i + limits.messagesPerMinute] ?? Number.POSITIVE_INFINITY) - at < 60_000,
    );
    expect(tooMany, `seed ${seed}`).toEqual([]);
    expect(counted.length, `seed ${seed}`).toBeGreaterThan(100);
  });
});

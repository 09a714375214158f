/** The small parts: ages across clock jumps, the loop, the keeper, the recall of the past. */
import { describe, expect, it } from 'vitest';
import type { EventRecord } from '../../src/core/events.ts';
import { DAY_WINDOW_MS } from '../../src/dispatch/budget.ts';
import { createClockWatch } from '../../src/dispatch/clock-watch.ts';
import { createRecall, readEvents } from '../../src/dispatch/history.ts';
import { createKeeper } from '../../src/dispatch/keeper.ts';
import { createLane } from '../../src/dispatch/lane.ts';
import { createLoop } from '../../src/dispatch/loop.ts';
import { SpoolRefusal } from '../../src/spool/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { createScriptedRoute } from './scripted-route.ts';

const HOUR = 3_600_000;

describe('the clock watch', () => {
  it('reports a jump once, and no slew', async () => {
    const clock = createFakeClock();
    const watch = createClockWatch(clock);
    await clock.advance(10 * HOUR);
    expect(watch.jumpMs()).toBe(0);
    clock.setWallClock(clock.now() + 2000);
    expect(watch.jumpMs()).toBe(0);
    clock.setWallClock(clock.now() - HOUR);
    expect([watch.jumpMs(), watch.jumpMs()]).toEqual([-HOUR, 0]);
  });

  it('does not count skipped time into the age of what came in before', async () => {
    const clock = createFakeClock();
    const watch = createClockWatch(clock);
    const early = clock.now();
    await clock.advance(HOUR);
    clock.setWallClock(clock.now() + 100 * HOUR);
    watch.jumpMs();
    const late = clock.now();
    await clock.advance(HOUR);
    expect([watch.ageMs(early), watch.ageMs(late)]).toEqual([2 * HOUR, HOUR]);
  });

  it('never makes a message younger than nothing', () => {
    const clock = createFakeClock();
    expect(createClockWatch(clock).ageMs(clock.now() + HOUR)).toBe(0);
  });
});

describe('the loop', () => {
  it('makes one more pass for any number of wakes during a pass', async () => {
    const clock = createFakeClock();
    let passes = 0;
    const pass = async () => {
      passes++;
      if (passes === 1) for (let i = 0; i < 10; i++) loop.wake();
      return 1000;
    };
    const loop = createLoop({ clock, log: createQuietLog(), pass });
    loop.wake();
    await clock.advance(0);
    expect(passes).toBe(2);
    await loop.stop();
    await clock.advance(HOUR);
    expect(passes).toBe(2);
  });

  it('waits longer after each pass that fails, and goes on', async () => {
    const clock = createFakeClock();
    const times: number[] = [];
    const pass = async () => {
      times.push(clock.monotonicMs() / 1000);
      if (times.length < 4) throw new Error('disk I/O error');
      return HOUR;
    };
    const loop = createLoop({ clock, log: createQuietLog(), pass });
    loop.wake();
    await clock.advance(0);
    for (let i = 0; i < 70; i++) await clock.advance(1000);
    expect(times).toEqual([0, 1, 3, 7, 67]);
    await loop.stop();
  });
});

describe('the keeper', () => {
  it('writes in order, and only once each, when the first write succeeds late', async () => {
    const clock = createFakeClock();
    const keeper = createKeeper({ clock, log: createQuietLog() });
    const written: string[] = [];
    let failures = 3;
    keeper.enqueue({ write: 'a' }, async () => {
      if (failures-- > 0) throw new SpoolRefusal('disk-full', 'told by the test');
      written.push('a');
    });
    keeper.enqueue({ write: 'b' }, async () => {
      written.push('b');
    });
    for (let i = 0; i < 8; i++) await clock.advance(1000);
    await keeper.idle();
    expect(written).toEqual(['a', 'b']);
  });

  it('gives a write one last try at a stop and says that it gave up', async () => {
    const clock = createFakeClock();
    const log = createQuietLog();
    const keeper = createKeeper({ clock, log });
    let tries = 0;
    const kept = keeper.keep({ write: 'settle' }, async () => {
      tries++;
      throw new SpoolRefusal('disk-full', 'told by the test');
    });
    await clock.advance(0);
    keeper.stop();
    expect(await kept).toBe('given-up');
    expect(tries).toBe(2);
    expect(log.lines.at(-1)?.fields).toMatchObject({ write: 'settle', givenUp: true });
  });
});

describe('the recall of the past', () => {
  it('counts the last day once, in pages, and moves its bookmark to where the day begins', async () => {
    const clock = createFakeClock();
    const route = createScriptedRoute({ id: 'mailbox', clock, limits: { recipientsPerDay: 5000 } });
    const lane = createLane({ route, clock, random: () => 0.5, announce: () => {} });
    const events = Array.from({ length: 1300 }, (_, i) =>
      deliveredEvent(i + 1, clock.now() - DAY_WINDOW_MS - 300_500 + i * 1000),
    );
    let failures = 1;
    const source = {
      events: async (after: number, limit: number) => {
        if (after >= 500 && failures-- > 0) throw new Error('disk I/O error');
        return events.filter((event) => event.seq > after).slice(0, limit);
      },
    };
    const recall = createRecall(clock.now(), 0, new Map([['mailbox', lane]]));
    await expect(readEvents(source, recall.cursor(), recall.visit)).rejects.toThrow('disk I/O error');
    expect(await readEvents(source, recall.cursor(), recall.visit)).toBe(1300);
    expect(lane.budget.recipientsLeft()).toBe(5000 - 999);
    expect(recall.bookmark()).toBe(301);
  });
});

function deliveredEvent(seq: number, ts: number): EventRecord {
  const data = {
    message: `m${seq}`,
    recipient: 'kim@contoso.com',
    route: 'mailbox',
    tls: null,
    reply: '250',
    waitedMs: 0,
  };
  return { seq, ts, type: 'message.delivered', data };
}

/** Clocks that are wrong, disks that are full, stops and crashes, over a real spool with scripted routes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { type Spool, SpoolRefusal } from '../../src/spool/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, type DispatchBench, eventsOf, show, startDispatch, statesOf } from './bench.ts';
import {
  createGate,
  createScriptedRoute,
  delivered,
  faultReport,
  outcomes,
  reportOf,
  type ScriptedRoute,
} from './scripted-route.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let clock: FakeClock;
let test: TestSpool;
let bench: DispatchBench | null;

beforeEach(async () => {
  clock = createFakeClock();
  test = await openTestSpool({ clock });
  bench = null;
});

afterEach(async () => {
  await bench?.stop();
  await test.close();
});

async function run(route: ScriptedRoute, spool: Spool = test.spool): Promise<DispatchBench> {
  bench = await startDispatch(clock, spool, { routes: [route], routing: [{ use: [route.id] }] });
  return bench;
}

const DISK_FULL = new SpoolRefusal('disk-full', 'told by the test');

/** The real spool, one call of which fails, as on a full disk, while `isBroken` says so. */
function breakable(
  name: 'settle' | 'claimDue' | 'events' | 'putFact',
  isBroken: () => boolean,
  error: Error = DISK_FULL,
): Spool {
  return new Proxy(test.spool, {
    get(target, key, receiver) {
      if (key === name && isBroken()) return async () => Promise.reject(error);
      const value = Reflect.get(target, key, receiver);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('a clock that is not set', () => {
  it('holds sending back, says why once, and lets it go when it is set', async () => {
    clock.setIsSet(false);
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const id = await accept(test.spool, clock);
    const { dispatch, pass } = await run(mailbox);
    await pass(MINUTE);
    expect(mailbox.asked).toEqual([]);
    expect(dispatch.routes()[0]).toMatchObject({ state: 'paused', pause: { code: 'clock.unset' } });
    expect(await eventsOf(test.spool, 'clock.unset')).toHaveLength(1);
    clock.setIsSet(true);
    await pass(LIMITS.clockPollMs);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    expect(dispatch.routes()[0]).toMatchObject({ state: 'open', pause: null });
    expect(await eventsOf(test.spool, 'clock.set')).toHaveLength(1);
  });

  it('does not make a message old that came in before it was set', async () => {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: (message) => reportOf(message, outcomes.retry),
    });
    const { pass } = await run(mailbox);
    const id = await accept(test.spool, clock);
    await pass(1000);
    clock.setWallClock(clock.now() + 14 * DAY);
    await pass(2 * MINUTE);
    expect(mailbox.asked.length).toBeGreaterThan(1);
    expect(await statesOf(test.spool, id)).toEqual(['deferred']);
  });
});

describe('a clock that was ahead', () => {
  async function deferAhead(byMs: number): Promise<{ id: string; mailbox: ScriptedRoute }> {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: (message) => reportOf(message, outcomes.retry),
    });
    const id = await accept(test.spool, clock);
    clock.setWallClock(clock.now() + byMs);
    await run(mailbox);
    expect(await statesOf(test.spool, id)).toEqual(['deferred']);
    mailbox.answer = delivered;
    return { id, mailbox };
  }

  it('leaves nothing stranded when it is set back while running', async () => {
    const { id } = await deferAhead(3 * DAY);
    clock.setWallClock(clock.now() - 3 * DAY);
    await bench?.pass(LIMITS.dispatchSleepMaxMs);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  });

  it('leaves nothing stranded when it is set back while the agent is off', async () => {
    const { id, mailbox } = await deferAhead(3 * DAY);
    await bench?.stop();
    clock.setWallClock(clock.now() - 3 * DAY);
    await run(mailbox);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  });
});

describe('a clock that is set during an attempt', () => {
  it.each([-3 * DAY, 3 * DAY])('by %i ms leaves the attempt as long as it was', async (byMs) => {
    const gate = createGate();
    const id = await accept(test.spool, clock);
    const { quiet, pass } = await run(createScriptedRoute({ id: 'mailbox', clock, answer: gate.answer }));
    await pass(1000);
    clock.setWallClock(clock.now() + byMs);
    const setAt = clock.now();
    await pass(500);
    gate.release();
    await quiet();
    const [attempt] = (await show(test.spool, id)).attempts;
    expect(attempt).toMatchObject({ startedAt: setAt - 1000, endedAt: setAt + 500 });
  });
});

describe('a message that came in while the clock was ahead', () => {
  it('is sent when the clock has been set back', async () => {
    const now = clock.now();
    clock.setWallClock(now + 3 * DAY);
    const id = await accept(test.spool, clock);
    clock.setWallClock(now);
    await run(createScriptedRoute({ id: 'mailbox', clock }));
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    expect((await eventsOf(test.spool, 'message.deferred'))[0]?.data.code).toBe('clock.was-ahead');
  });
});

describe('a spool that cannot write', () => {
  it('does not make a delivered message go out twice: the settlement is kept and written later', async () => {
    let isBroken = true;
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const id = await accept(test.spool, clock);
    const { pass, log } = await run(
      mailbox,
      breakable('settle', () => isBroken),
    );
    await pass(10 * MINUTE, 10_000);
    expect(mailbox.asked).toHaveLength(1);
    expect(await statesOf(test.spool, id)).toEqual(['sending']);
    expect(log.lines.some((line) => line.event === 'dispatch.write-failed')).toBe(true);
    isBroken = false;
    await pass(MINUTE);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    expect(mailbox.asked).toHaveLength(1);
  });

  it('starts nothing more from the first result that cannot be recorded until it is, and says why', async () => {
    let isBroken = true;
    const gate = createGate();
    const mailbox = createScriptedRoute({
      ...{ id: 'mailbox', clock, answer: gate.answer },
      limits: { connections: 2 },
    });
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.push(await accept(test.spool, clock));
    const { dispatch, pass, quiet } = await run(
      mailbox,
      breakable('settle', () => isBroken),
    );
    gate.release();
    await quiet();
    // The other that was under way ends as well, and its result is kept.
    gate.release();
    await pass(10 * MINUTE, 10_000);
    expect(mailbox.asked).toHaveLength(2);
    expect(dispatch.routes()[0]).toMatchObject({ state: 'paused', pause: { code: 'dispatch.unrecordable' } });
    isBroken = false;
    mailbox.answer = delivered;
    await pass(MINUTE);
    for (const id of ids) expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    expect(mailbox.asked).toHaveLength(6);
    expect(dispatch.routes()[0]).toMatchObject({ state: 'open', pause: null });
  });

  it('sends nothing when even the first write of the start fails, and goes on within a minute', async () => {
    let isBroken = true;
    const id = await accept(test.spool, clock);
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const { pass } = await run(
      mailbox,
      breakable('putFact', () => isBroken),
    );
    await pass(10 * MINUTE, 10_000);
    expect(mailbox.asked).toEqual([]);
    isBroken = false;
    await pass(MINUTE);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  });

  it('frees the place of a settlement that fails for no known reason, and never sends that message again', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, limits: { connections: 1 } });
    const id = await accept(test.spool, clock);
    let isBroken = true;
    const { pass, log } = await run(
      mailbox,
      breakable('settle', () => isBroken, new TypeError('told by the test')),
    );
    await pass(3 * MINUTE);
    const failures = log.lines.filter(({ event }) => event === 'dispatch.write-failed');
    expect(failures).toHaveLength(LIMITS.unexplainedWriteTriesMax);
    expect(failures.at(-1)).toMatchObject({ level: 'error', fields: { message: id, givenUp: true } });
    isBroken = false;
    const next = await accept(test.spool, clock);
    await pass(5 * MINUTE, 10_000);
    expect(await statesOf(test.spool, next)).toEqual(['delivered']);
    expect(mailbox.asked).toHaveLength(2);
    expect(await statesOf(test.spool, id)).toEqual(['sending']);
  });

  it('ends a claim at once whose recipient was failed by a salvage during the delivery', async () => {
    const gate = createGate();
    const id = await accept(test.spool, clock);
    const { quiet, log } = await run(createScriptedRoute({ id: 'mailbox', clock, answer: gate.answer }));
    const recipientId = (await test.spool.show(id))?.recipients[0]?.id ?? -1;
    // What a salvage does to a message whose body it could not read, by the only way that the spool offers here.
    const failed = { state: 'failed', code: 'spool.lost-in-damage', cause: 'lost', reply: null } as const;
    await test.spool.settle({ messageId: id, attempt: null, recipients: [{ recipientId, ...failed }] });
    gate.release();
    await quiet();
    expect(await statesOf(test.spool, id)).toEqual(['failed']);
    const failures = log.lines.filter(({ event }) => event === 'dispatch.write-failed');
    expect(failures).toMatchObject([
      { level: 'error', fields: { message: id, write: 'settle', givenUp: true } },
    ]);
  });

  it('is asked again after growing waits when it cannot be read, never at once', async () => {
    let calls = 0;
    let isBroken = true;
    const spool = breakable('claimDue', () => {
      calls++;
      return isBroken;
    });
    const id = await accept(test.spool, clock);
    const { pass } = await run(createScriptedRoute({ id: 'mailbox', clock }), spool);
    await pass(MINUTE);
    expect(calls).toBeLessThan(10);
    isBroken = false;
    await pass(MINUTE);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  });
});

describe('a history that cannot be read', () => {
  it('does not keep mail waiting, and is read again later', async () => {
    let isBroken = true;
    const id = await accept(test.spool, clock);
    const spool = breakable('events', () => isBroken);
    const { log, pass } = await run(createScriptedRoute({ id: 'mailbox', clock }), spool);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    const failures = () => log.lines.filter((line) => line.event === 'dispatch.housekeeping-failed').length;
    expect(failures()).toBe(1);
    isBroken = false;
    await pass(5 * MINUTE, 10_000);
    expect(failures()).toBe(1);
    expect((await test.spool.getFacts('dispatch')).has('history')).toBe(true);
  });
});

describe('a stop', () => {
  it('lets a delivery end within the grace', async () => {
    const gate = createGate();
    const id = await accept(test.spool, clock);
    const { dispatch, quiet } = await run(createScriptedRoute({ id: 'mailbox', clock, answer: gate.answer }));
    const stopped = dispatch.stop();
    await quiet();
    gate.release();
    await stopped;
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  });

  it.each([
    ['nothing', { upstream: null, results: [], fault: null }],
    ['a fault', faultReport()],
  ])(
    'cuts a delivery short after the grace: a route that then reports %s stays open, its message untouched',
    async (_what, report) => {
      const mailbox = createScriptedRoute({
        id: 'mailbox',
        clock,
        answer: (_message, signal) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => resolve(report));
          }),
      });
      const id = await accept(test.spool, clock);
      const { stop } = await run(mailbox);
      const startedAt = clock.monotonicMs();
      await stop();
      expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(LIMITS.stopMaxMs);
      const { recipients, attempts } = await show(test.spool, id);
      expect([recipients[0]?.state, recipients[0]?.tries, attempts.length]).toEqual(['queued', 0, 0]);
      expect(await eventsOf(test.spool, 'route.paused')).toEqual([]);
    },
  );

  it('ends in time even when a route does not react', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, answer: () => new Promise(() => {}) });
    await accept(test.spool, clock);
    const { stop, log } = await run(mailbox);
    const startedAt = clock.monotonicMs();
    await stop();
    expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(LIMITS.stopMaxMs);
    expect(log.lines.some((line) => line.event === 'dispatch.left-unfinished')).toBe(true);
  });

  it('leaves no timer behind', async () => {
    const { stop } = await run(createScriptedRoute({ id: 'mailbox', clock }));
    const before = clock.pendingTimers();
    await stop();
    expect(clock.pendingTimers()).toBeLessThan(before);
  });
});

describe('a restart', () => {
  it('keeps the schedule', async () => {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: (message) => reportOf(message, outcomes.retry),
    });
    const id = await accept(test.spool, clock);
    const { stop, pass } = await run(mailbox);
    await pass(MINUTE);
    await stop();
    const again = await run(mailbox);
    expect((await show(test.spool, id)).recipients[0]?.tries).toBe(2);
    await again.pass(4 * MINUTE, 10_000);
    expect(mailbox.asked).toHaveLength(2);
    await again.pass(MINUTE, 10_000);
    expect(mailbox.asked).toHaveLength(3);
  });
});

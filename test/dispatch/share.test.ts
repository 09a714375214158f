/** Routes of a group share the load; the next entry of the rule takes over only when the whole group is paused. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteLimits } from '../../src/routes/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, type DispatchBench, startDispatch } from './bench.ts';
import { createGate, createScriptedRoute, faultReport, type ScriptedRoute } from './scripted-route.ts';

let clock: FakeClock;
let test: TestSpool;
let bench: DispatchBench | null = null;

beforeEach(async () => {
  clock = createFakeClock();
  test = await openTestSpool({ clock });
});

afterEach(async () => {
  await bench?.stop();
  bench = null;
  await test.close();
});

const createRoute = (id: string, limits: Partial<RouteLimits> = {}): ScriptedRoute =>
  createScriptedRoute({ id, clock, limits });

async function acceptMany(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await accept(test.spool, clock);
}

async function start(routes: ScriptedRoute[]): Promise<DispatchBench> {
  bench = await startDispatch(clock, test.spool, {
    routes,
    routing: [{ use: [['mailbox-1', 'mailbox-2'], 'direct'] }],
  });
  return bench;
}

describe('a group of mailboxes', () => {
  it('shares a backlog evenly and sends twice as much a minute as one', async () => {
    const limits = { messagesPerMinute: 5 };
    const routes = [
      createRoute('mailbox-1', limits),
      createRoute('mailbox-2', limits),
      createRoute('direct'),
    ];
    await acceptMany(24);
    const { pass } = await start(routes);
    await pass(30_000);
    expect(routes.map((route) => route.asked.length)).toEqual([5, 5, 0]);
    await pass(60_000);
    expect(routes.map((route) => route.asked.length)).toEqual([10, 10, 0]);
  });

  it('shares in the proportion of the limits', async () => {
    const large = createRoute('mailbox-1', { messagesPerMinute: 30, connections: 100 });
    const small = createRoute('mailbox-2', { messagesPerMinute: 10, connections: 100 });
    await acceptMany(20);
    const { quiet } = await start([large, small, createRoute('direct')]);
    await quiet();
    expect([large.asked.length, small.asked.length]).toEqual([15, 5]);
  });

  it('sends by the one that is free while the other is busy', async () => {
    const [busy, free] = [createRoute('mailbox-1', { connections: 1 }), createRoute('mailbox-2')];
    busy.answer = createGate().answer;
    await acceptMany(6);
    const { quiet } = await start([busy, free, createRoute('direct')]);
    await quiet();
    expect([busy.asked.length, free.asked.length]).toEqual([1, 5]);
    await bench?.stop();
    bench = null;
  });

  it('goes on by the one that is not paused, and by the next entry when both are', async () => {
    const routes = [createRoute('mailbox-1'), createRoute('mailbox-2'), createRoute('direct')];
    const [first, second, direct] = routes;
    if (!first || !second || !direct) throw new Error('three routes');
    first.answer = () => faultReport();
    await acceptMany(4);
    const { quiet } = await start(routes);
    await quiet();
    expect(second.asked.length).toBe(4);
    second.answer = () => faultReport();
    await acceptMany(4);
    await quiet();
    expect(direct.asked.length).toBe(4);
    expect((await test.spool.stats()).recipients.delivered).toBe(8);
  });
});

/** Routes, rules and ages replaced while dispatch runs: nothing is cut, and a route keeps budget and pause by its id. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteLimits } from '../../src/routes/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, type DispatchBench, startDispatch, statesOf } from './bench.ts';
import { createGate, createScriptedRoute, faultReport, type ScriptedRoute } from './scripted-route.ts';

const MINUTE = 60_000;

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

async function start(...routes: ScriptedRoute[]): Promise<DispatchBench> {
  bench = await startDispatch(clock, test.spool, { routes, routing: [{ use: routes.map(({ id }) => id) }] });
  return bench;
}

const changeTo = (...routes: ScriptedRoute[]) => ({
  routes,
  routing: [{ use: routes.map(({ id }) => id) }],
  maxAgeHours: 96,
});

describe('replacing the routes', () => {
  it('lets what is under way end on the old route, and says when', async () => {
    const [old, fresh] = [createRoute('mailbox'), createRoute('mailbox')];
    const gate = createGate();
    old.answer = gate.answer;
    const first = await accept(test.spool, clock);
    const { dispatch, quiet } = await start(old);
    let isFree = false;
    const replaced = dispatch.replace(changeTo(fresh)).then(() => {
      isFree = true;
    });
    const second = await accept(test.spool, clock);
    await quiet();
    expect([isFree, fresh.asked.map(({ message }) => message.head.id)]).toEqual([false, [second]]);
    gate.release();
    await replaced;
    expect(await statesOf(test.spool, first)).toEqual(['delivered']);
    expect(old.asked.length).toBe(1);
  });

  it('keeps what a route has sent this minute, under its new limit', async () => {
    for (let i = 0; i < 9; i++) await accept(test.spool, clock);
    const { dispatch, quiet, pass } = await start(createRoute('mailbox', { messagesPerMinute: 3 }));
    const fresh = createRoute('mailbox', { messagesPerMinute: 5 });
    await dispatch.replace(changeTo(fresh));
    await quiet();
    expect(fresh.asked.length).toBe(2);
    await pass(MINUTE);
    expect(fresh.asked.length).toBe(6);
  });

  it('keeps a pause, and probes at once, because the change may have healed it', async () => {
    const old = createRoute('mailbox');
    old.answer = () => faultReport('route.signin-refused', { needsPerson: true });
    const id = await accept(test.spool, clock);
    const { dispatch, quiet } = await start(old);
    const pause = dispatch.routes()[0]?.pause;
    expect(pause?.code).toBe('route.signin-refused');
    const fresh = createRoute('mailbox');
    fresh.answer = old.answer;
    await dispatch.replace(changeTo(fresh));
    await quiet();
    expect(fresh.asked.length).toBe(1);
    expect(dispatch.routes()[0]).toMatchObject({ state: 'paused', pause: { since: pause?.since } });
    await dispatch.replace(changeTo(createRoute('mailbox')));
    await quiet();
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  });

  it('keeps the pause of an operator', async () => {
    const { dispatch, quiet } = await start(createRoute('mailbox'));
    dispatch.pauseRoute('mailbox', 'kim');
    const fresh = createRoute('mailbox');
    await dispatch.replace(changeTo(fresh));
    await accept(test.spool, clock);
    await quiet();
    expect([dispatch.routes()[0]?.state, fresh.asked.length]).toEqual(['paused', 0]);
  });

  it('sends what waited for a paused route by one that is new', async () => {
    const old = createRoute('mailbox');
    old.answer = () => faultReport();
    const id = await accept(test.spool, clock);
    const { dispatch, quiet } = await start(old);
    await dispatch.replace(changeTo(createRoute('second'), createRoute('third')));
    await quiet();
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    expect(dispatch.routes().map((route) => route.id)).toEqual(['second', 'third']);
    expect((await test.spool.getFacts('dispatch')).has('pause/mailbox')).toBe(false);
  });

  it('takes the new age at once', async () => {
    const mailbox = createRoute('mailbox');
    mailbox.answer = () => faultReport();
    const id = await accept(test.spool, clock);
    const { dispatch, pass } = await start(mailbox);
    await dispatch.replace({ ...changeTo(mailbox), maxAgeHours: 1 });
    await pass(125 * MINUTE, MINUTE);
    expect(await statesOf(test.spool, id)).toEqual(['failed']);
  });
});

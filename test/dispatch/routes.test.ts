/** Pauses, fallback, held senders, budgets and connections, over a real spool with scripted routes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { DeliveryReport } from '../../src/core/outcome.ts';
import type { OutgoingMessage } from '../../src/routes/types.ts';
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

async function run(...routes: ScriptedRoute[]): Promise<DispatchBench> {
  bench = await startDispatch(clock, test.spool, { routes, routing: [{ use: routes.map(({ id }) => id) }] });
  return bench;
}

describe('a route at fault', () => {
  it('is paused, spends no try, heals by itself and delivers what waited; the history names each attempt', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, answer: () => faultReport() });
    const ids = [await accept(test.spool, clock), await accept(test.spool, clock)];
    const { dispatch, pass } = await run(mailbox);
    expect(dispatch.routes()[0]).toMatchObject({ state: 'paused', pause: { code: 'route.unreachable' } });
    await pass(10 * MINUTE, 5000);
    const asked: number[] = [];
    for (const id of ids) {
      const { attempts, recipients } = await show(test.spool, id);
      expect([recipients[0]?.state, recipients[0]?.tries]).toEqual(['queued', 0]);
      asked.push(attempts.length);
      for (const { routeId, host, results } of attempts) {
        expect([routeId, host]).toEqual(['mailbox', null]);
        expect(results).toMatchObject([{ state: 'queued', code: 'route.unreachable', uncertain: false }]);
      }
    }
    expect(asked[0]).toBeGreaterThan(1);
    expect((asked[0] ?? 0) + (asked[1] ?? 0)).toBe(mailbox.asked.length);
    mailbox.answer = delivered;
    await pass(16 * MINUTE, 5000);
    for (const id of ids) expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    expect(await eventsOf(test.spool, 'route.paused')).toHaveLength(1);
    expect(await eventsOf(test.spool, 'route.resumed')).toHaveLength(1);
    expect(dispatch.routes()[0]?.state).toBe('open');
  });

  it('is probed with one message, however many wait', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, answer: () => faultReport() });
    const { pass, quiet } = await run(mailbox);
    for (let i = 0; i < 20; i++) await accept(test.spool, clock);
    await quiet();
    const before = mailbox.asked.length;
    await pass(30_000);
    expect(mailbox.asked.length - before).toBe(1);
  });

  it('stands in the history of a message to many with its first recipients', async () => {
    const recipients = Array.from({ length: 50 }, (_, index) => `kim${index}@contoso.com`);
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, answer: () => faultReport() });
    const id = await accept(test.spool, clock, { recipients });
    await run(mailbox);
    const { attempts } = await show(test.spool, id);
    expect(attempts.map(({ results }) => results.length)).toEqual([LIMITS.faultRecipientsMax]);
    expect(await statesOf(test.spool, id)).toEqual(recipients.map(() => 'queued'));
  });

  it('is not probed while an attempt from before the pause is under way', async () => {
    const gate = createGate();
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, answer: gate.answer });
    for (let i = 0; i < 4; i++) await accept(test.spool, clock);
    const { pass, quiet } = await run(mailbox);
    gate.release(faultReport());
    await pass(2 * MINUTE);
    expect(mailbox.asked).toHaveLength(3);
    gate.release();
    gate.release();
    await quiet();
    expect(mailbox.asked).toHaveLength(4);
    while (gate.waiting() > 0) {
      gate.release();
      await quiet();
    }
  });

  it('is passed over: the next route of the rule takes the message', async () => {
    const direct = createScriptedRoute({ id: 'direct', clock, answer: () => faultReport() });
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const ids = [await accept(test.spool, clock), await accept(test.spool, clock)];
    await run(direct, mailbox);
    for (const id of ids) expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    expect((await show(test.spool, ids[0] ?? '')).attempts.map(({ routeId }) => routeId)).toEqual([
      'direct',
      'mailbox',
    ]);
  });

  it('hands over only the recipients that got no answer before the fault', async () => {
    const direct = createScriptedRoute({
      id: 'direct',
      clock,
      answer: () => ({
        ...faultReport(),
        results: [{ address: 'a@contoso.com', outcome: outcomes.delivered }],
      }),
    });
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const id = await accept(test.spool, clock, { recipients: ['a@contoso.com', 'b@contoso.com'] });
    await run(direct, mailbox);
    expect(await statesOf(test.spool, id)).toEqual(['delivered', 'delivered']);
    expect(mailbox.asked.map(({ message }) => message.recipients)).toEqual([['b@contoso.com']]);
    const [first] = (await show(test.spool, id)).attempts;
    expect(first?.results).toMatchObject([
      { address: 'a@contoso.com', state: 'delivered' },
      { address: 'b@contoso.com', state: 'queued', code: 'route.unreachable', reply: null },
    ]);
  });

  it('does not keep mail for other routes waiting', async () => {
    const direct = createScriptedRoute({ id: 'direct', clock, answer: () => faultReport() });
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const stuck = await accept(test.spool, clock, { recipients: ['a@contoso.com'] });
    const free = await accept(test.spool, clock, { recipients: ['b@fabrikam.com'] });
    bench = await startDispatch(clock, test.spool, {
      routes: [direct, mailbox],
      routing: [{ recipients: ['contoso.com'], use: ['direct'] }, { use: ['mailbox'] }],
    });
    expect([await statesOf(test.spool, stuck), await statesOf(test.spool, free)]).toEqual([
      ['queued'],
      ['delivered'],
    ]);
  });

  it('stays paused over a restart, and is announced once', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, answer: () => faultReport() });
    const id = await accept(test.spool, clock);
    const { stop } = await run(mailbox);
    await stop();
    const { dispatch, pass } = await run(mailbox);
    expect(dispatch.routes()[0]?.state).toBe('paused');
    mailbox.answer = delivered;
    await pass(2 * MINUTE);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    expect(await eventsOf(test.spool, 'route.paused')).toHaveLength(1);
    expect(await eventsOf(test.spool, 'route.resumed')).toHaveLength(1);
  });
});

describe('a route paused by an operator', () => {
  it('sends nothing until it is resumed, also over a restart', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const first = await run(mailbox);
    first.dispatch.pauseRoute('mailbox', 'alex');
    const id = await accept(test.spool, clock);
    await first.quiet();
    await first.stop();
    const { dispatch, pass, quiet } = await run(mailbox);
    await pass(2 * HOUR, MINUTE);
    expect(dispatch.routes()[0]).toMatchObject({
      state: 'paused',
      pause: { code: 'route.paused-by-operator' },
    });
    expect(await statesOf(test.spool, id)).toEqual(['queued']);
    dispatch.resumeRoute('mailbox', 'alex');
    await quiet();
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    expect((await eventsOf(test.spool, 'route.resumed'))[0]?.data.by).toBe('alex');
  });

  it('answers an unknown id with a sentence', async () => {
    const { dispatch } = await run(createScriptedRoute({ id: 'mailbox', clock }));
    expect(() => dispatch.pauseRoute('fax', 'alex')).toThrow('There is no route with the id "fax".');
  });
});

describe('a refused sender', () => {
  async function refuse(): Promise<{ mailbox: ScriptedRoute; held: string; running: DispatchBench }> {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: (message) => reportOf(message, outcomes.hold),
    });
    const running = await run(mailbox);
    const held = await accept(test.spool, clock);
    await running.quiet();
    return { mailbox, held, running };
  }

  it('has its next messages held without a try, on that device only', async () => {
    const { mailbox, running } = await refuse();
    const next = await accept(test.spool, clock);
    await running.quiet();
    expect(await statesOf(test.spool, next)).toEqual(['held']);
    expect(mailbox.asked).toHaveLength(1);
    mailbox.answer = delivered;
    const other = await accept(test.spool, clock, { device: 'copier-3f' });
    await running.quiet();
    expect(await statesOf(test.spool, other)).toEqual(['delivered']);
  });

  it('is free again when a released message arrives', async () => {
    const { mailbox, held, running } = await refuse();
    mailbox.answer = delivered;
    await test.spool.act('release', { ids: [held] }, 'alex');
    await running.quiet();
    expect(await statesOf(test.spool, held)).toEqual(['delivered']);
    const next = await accept(test.spool, clock);
    await running.quiet();
    expect(await statesOf(test.spool, next)).toEqual(['delivered']);
  });

  it('costs few tries when many are released and it is still wrong', async () => {
    const { mailbox, running } = await refuse();
    for (let i = 0; i < 20; i++) await accept(test.spool, clock);
    await running.quiet();
    const { changed } = await test.spool.act('release', { states: ['held'] }, 'alex');
    await running.quiet();
    expect(changed).toBe(21);
    expect(mailbox.asked.length - 1).toBeGreaterThanOrEqual(1);
    expect(mailbox.asked.length - 1).toBeLessThanOrEqual(mailbox.limits.connections);
    expect((await test.spool.stats()).recipients.held).toBe(21);
  });
});

describe('the limits of a route', () => {
  it('are never exceeded: 100 messages at 30 a minute', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, limits: { messagesPerMinute: 30 } });
    for (let i = 0; i < 100; i++) await accept(test.spool, clock);
    const { pass } = await run(mailbox);
    await pass(4 * MINUTE);
    const times = mailbox.asked.map(({ at }) => at);
    expect(times).toHaveLength(100);
    expect(times.filter((at, i) => (times[i + 30] ?? Number.POSITIVE_INFINITY) - at < MINUTE)).toEqual([]);
  });

  it('are never exceeded: 3 connections', async () => {
    const gate = createGate();
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      limits: { connections: 3 },
      answer: gate.answer,
    });
    for (let i = 0; i < 10; i++) await accept(test.spool, clock);
    const { dispatch, quiet } = await run(mailbox);
    expect(dispatch.routes()[0]?.connectionsInUse).toBe(3);
    while (mailbox.asked.length < 10 || gate.waiting() > 0) {
      gate.release();
      await quiet();
    }
    expect(mailbox.mostAtOnce()).toBe(3);
    expect((await test.spool.stats()).recipients.delivered).toBe(10);
  });

  it('make a message wait for its busy route instead of taking the next one', async () => {
    const gate = createGate();
    const direct = createScriptedRoute({
      id: 'direct',
      clock,
      limits: { connections: 1 },
      answer: gate.answer,
    });
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    for (let i = 0; i < 3; i++) await accept(test.spool, clock);
    const { quiet } = await run(direct, mailbox);
    for (let i = 0; i < 3; i++) {
      gate.release();
      await quiet();
    }
    expect([direct.asked.length, mailbox.asked.length]).toEqual([3, 0]);
  });

  it('of the day make the next route take over, spend no try, and come back after a day', async () => {
    const direct = createScriptedRoute({ id: 'direct', clock, limits: { recipientsPerDay: 2 } });
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    for (let i = 0; i < 3; i++) await accept(test.spool, clock);
    const { dispatch, pass, quiet } = await run(direct, mailbox);
    expect([direct.asked.length, mailbox.asked.length]).toEqual([2, 1]);
    expect(dispatch.routes()[0]).toMatchObject({ state: 'paused', pause: { code: 'route.day-budget-used' } });
    await pass(24 * HOUR, 10 * MINUTE);
    await accept(test.spool, clock);
    await quiet();
    expect(direct.asked).toHaveLength(3);
  });

  it('of the day are kept over a restart, and over a crash', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, limits: { recipientsPerDay: 5 } });
    await accept(test.spool, clock, { recipients: ['a@contoso.com', 'b@contoso.com', 'c@contoso.com'] });
    const { pass, stop } = await run(mailbox);
    await stop();
    await clock.advance(23 * HOUR);
    const again = await run(mailbox);
    expect(again.dispatch.routes()[0]?.budget).toEqual({ messagesThisMinute: 1000, recipientsToday: 2 });
    await pass(0);
    await again.pass(2 * HOUR, 10 * MINUTE);
    expect(again.dispatch.routes()[0]?.budget.recipientsToday).toBe(5);
  });

  it('of the minute are kept over a restart', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, limits: { messagesPerMinute: 2 } });
    for (let i = 0; i < 2; i++) await accept(test.spool, clock);
    const { stop } = await run(mailbox);
    await stop();
    const { pass } = await run(mailbox);
    await accept(test.spool, clock);
    await pass(30_000);
    expect(mailbox.asked).toHaveLength(2);
    await pass(40_000);
    expect(mailbox.asked).toHaveLength(3);
  });

  it.each<[string, (message: OutgoingMessage) => DeliveryReport]>([
    ['is delivered', (message) => reportOf(message, outcomes.delivered)],
    ['waits for its next try', (message) => reportOf(message, outcomes.retry)],
    ['is refused', (message) => reportOf(message, outcomes.rejected)],
    ['is held', (message) => reportOf(message, outcomes.hold)],
    ['ends in a fault of the route', () => faultReport()],
  ])('of the minute count over a restart a message that %s', async (_what, answer) => {
    const limits = { messagesPerMinute: 10 };
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, limits, answer });
    for (let i = 0; i < 3; i++) await accept(test.spool, clock, { sender: `scanner${i}@contoso.com` });
    const { stop } = await run(mailbox);
    await stop();
    expect(mailbox.asked).toHaveLength(3);
    const { dispatch } = await run(mailbox);
    // A paused route is probed at the start.
    expect(dispatch.routes()[0]?.budget.messagesThisMinute).toBe(10 - mailbox.asked.length);
  });

  it('shrink to one connection after the other side counted too many', async () => {
    const gate = createGate();
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, answer: gate.answer });
    for (let i = 0; i < 6; i++) await accept(test.spool, clock);
    const { dispatch, quiet, pass } = await run(mailbox);
    const reply = { code: 432, enhanced: '4.3.2', text: '432 4.3.2 Concurrent connections limit exceeded' };
    gate.release(faultReport('reply.concurrent-connections', { reply }));
    gate.release();
    gate.release();
    await quiet();
    await pass(MINUTE);
    expect(dispatch.routes()[0]).toMatchObject({ state: 'probing', connectionsInUse: 1 });
    gate.release();
    await quiet();
    expect(dispatch.routes()[0]).toMatchObject({ state: 'open', connectionsInUse: 1 });
    await pass(10 * MINUTE, 10_000);
    expect(dispatch.routes()[0]?.connectionsInUse).toBe(3);
    while (gate.waiting() > 0) {
      gate.release();
      await quiet();
    }
  });
});

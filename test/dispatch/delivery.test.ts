/** What becomes of messages: outcomes, routes, envelopes, times, over a real spool with scripted routes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

describe('dispatch', () => {
  it('delivers what is waiting at the start and what comes in later', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const early = await accept(test.spool, clock);
    const { quiet } = await run(mailbox);
    const late = await accept(test.spool, clock);
    await quiet();
    expect([await statesOf(test.spool, early), await statesOf(test.spool, late)]).toEqual([
      ['delivered'],
      ['delivered'],
    ]);
    const [event] = await eventsOf(test.spool, 'message.delivered');
    expect(event?.data).toMatchObject({ message: early, route: 'mailbox', reply: '250 2.0.0 OK' });
  });

  it('hands the route the body as accepted', async () => {
    let body = '';
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: async (message) => {
        for await (const chunk of await message.openBody()) body += chunk;
        return reportOf(message, outcomes.delivered);
      },
    });
    await accept(test.spool, clock, { body: 'Subject: a\r\n\r\n.dot\r\n' });
    const { quiet } = await run(mailbox);
    await quiet();
    expect(body).toBe('Subject: a\r\n\r\n.dot\r\n');
  });

  it('writes an outcome of its own for each recipient', async () => {
    const byName = { a: 'delivered', b: 'retry', c: 'rejected', d: 'hold' } as const;
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: (message) => ({
        ...reportOf(message, outcomes.delivered),
        results: message.recipients.map((address) => ({
          address,
          outcome: outcomes[byName[address.charAt(0) as keyof typeof byName]],
        })),
      }),
    });
    const recipients = ['a@contoso.com', 'b@contoso.com', 'c@contoso.com', 'd@contoso.com'];
    const id = await accept(test.spool, clock, { recipients });
    const { quiet } = await run(mailbox);
    await quiet();
    expect(await statesOf(test.spool, id)).toEqual(['delivered', 'deferred', 'failed', 'held']);
    const detail = await show(test.spool, id);
    expect(detail.attempts).toHaveLength(1);
    expect(detail.recipients.find((r) => r.address === 'c@contoso.com')?.code).toBe(
      'reply.no-such-recipient',
    );
  });

  it('tries again by the plan and tells the time in the record', async () => {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: (message) => reportOf(message, outcomes.retry),
    });
    const id = await accept(test.spool, clock);
    const { pass } = await run(mailbox);
    const [recipient] = (await show(test.spool, id)).recipients;
    expect(recipient).toMatchObject({ tries: 1, nextAttemptAt: clock.now() + MINUTE, code: 'reply.busy' });
    await pass(6 * MINUTE, 30_000);
    expect(mailbox.asked.map(({ at }) => at / MINUTE)).toEqual([0, 1, 6]);
    mailbox.answer = delivered;
    await pass(10 * MINUTE, 30_000);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  });

  it('counts a recipient without an answer as retry', async () => {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: (message) => ({ ...reportOf(message, outcomes.delivered), results: [] }),
    });
    const id = await accept(test.spool, clock);
    await run(mailbox);
    expect((await show(test.spool, id)).recipients[0]).toMatchObject({
      state: 'deferred',
      code: 'dispatch.no-answer',
    });
  });

  it('survives an exception out of a route: the message is deferred, the route stays open, the log says why', async () => {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: () => {
        throw new TypeError('undefined is not a function');
      },
    });
    const id = await accept(test.spool, clock);
    const { dispatch, log, pass } = await run(mailbox);
    expect((await show(test.spool, id)).recipients[0]).toMatchObject({
      state: 'deferred',
      code: 'dispatch.unexpected',
      tries: 1,
    });
    expect(dispatch.routes()[0]?.state).toBe('open');
    expect(log.lines.filter((line) => line.event === 'dispatch.unexpected')).toHaveLength(1);
    await pass(50_000);
    expect(mailbox.asked).toHaveLength(1);
  });

  it('splits recipients over routes by their domains', async () => {
    const direct = createScriptedRoute({ id: 'direct', clock, domains: ['contoso.com'] });
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const recipients = ['a@contoso.com', 'b@fabrikam.com', 'c@contoso.com'];
    const id = await accept(test.spool, clock, { recipients });
    await run(direct, mailbox);
    expect(direct.asked.map(({ message }) => message.recipients)).toEqual([
      ['a@contoso.com', 'c@contoso.com'],
    ]);
    expect(mailbox.asked.map(({ message }) => message.recipients)).toEqual([['b@fabrikam.com']]);
    expect(await statesOf(test.spool, id)).toEqual(['delivered', 'delivered', 'delivered']);
  });

  it('keeps the part that is under way claimed when the other part is settled', async () => {
    const gate = createGate();
    const direct = createScriptedRoute({ id: 'direct', clock, domains: ['contoso.com'] });
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, answer: gate.answer });
    const id = await accept(test.spool, clock, { recipients: ['a@contoso.com', 'b@fabrikam.com'] });
    const { quiet, dispatch } = await run(direct, mailbox);
    dispatch.wake();
    await quiet();
    expect(await statesOf(test.spool, id)).toEqual(['delivered', 'sending']);
    expect(mailbox.asked).toHaveLength(1);
    gate.release();
    await quiet();
    expect(await statesOf(test.spool, id)).toEqual(['delivered', 'delivered']);
    expect(mailbox.asked).toHaveLength(1);
  });

  it('splits a large envelope and sends every recipient once', async () => {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      limits: { recipientsPerMessage: 4, connections: 2 },
    });
    const recipients = Array.from({ length: 18 }, (_, i) => `r${i}@contoso.com`);
    const id = await accept(test.spool, clock, { recipients });
    const { quiet } = await run(mailbox);
    await quiet();
    expect(mailbox.asked.flatMap(({ message }) => message.recipients).sort()).toEqual(recipients.toSorted());
    expect(mailbox.asked.every(({ message }) => message.recipients.length <= 4)).toBe(true);
    expect(new Set(await statesOf(test.spool, id))).toEqual(new Set(['delivered']));
  });

  it('sends a split remainder at once, in an envelope of its own, without spending a try', async () => {
    const why = { code: 'reply.too-many-recipients', cause: 'Too many.', advice: 'None.' };
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: (message) => {
        const [first] = message.recipients;
        const { results, ...report } = reportOf(message, outcomes.delivered);
        return {
          ...report,
          results: results.map(({ address, outcome }) =>
            address === first
              ? { address, outcome }
              : { address, outcome: { ...outcomes.retry, why, split: true } },
          ),
        };
      },
    });
    const recipients = ['a@contoso.com', 'b@contoso.com', 'c@contoso.com'];
    const id = await accept(test.spool, clock, { recipients });
    const { quiet } = await run(mailbox);
    await quiet();
    expect(mailbox.asked.map(({ message }) => message.recipients.length)).toEqual([3, 2, 1]);
    const detail = await show(test.spool, id);
    expect(detail.recipients.map(({ state, tries }) => [state, tries])).toEqual([
      ['delivered', 1],
      ['delivered', 1],
      ['delivered', 1],
    ]);
  });

  it('fails a recipient that no route can ever carry, and says what to do', async () => {
    const direct = createScriptedRoute({ id: 'direct', clock, domains: ['contoso.com'] });
    const id = await accept(test.spool, clock, { recipients: ['a@contoso.com', 'b@fabrikam.com'] });
    await run(direct);
    expect(await statesOf(test.spool, id)).toEqual(['delivered', 'failed']);
    const [failed] = await eventsOf(test.spool, 'message.failed');
    expect(failed?.data).toMatchObject({
      recipient: 'b@fabrikam.com',
      route: null,
      code: 'message.no-route',
    });
  });

  it('fails what is refused past the age limit, keeps the last cause, and keeps the body', async () => {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: (message) => reportOf(message, outcomes.retry),
    });
    const id = await accept(test.spool, clock);
    const { pass } = await run(mailbox);
    await pass(95 * HOUR, 10 * MINUTE);
    expect(await statesOf(test.spool, id)).toEqual(['deferred']);
    await pass(HOUR + MINUTE, MINUTE);
    const detail = await show(test.spool, id);
    expect(detail.recipients[0]).toMatchObject({ state: 'failed', code: 'message.too-old' });
    expect(detail.recipients[0]?.cause).toContain('This is reply.busy.');
    expect(detail.hasBody).toBe(true);
  });

  it('fails what grew too old while its route was paused', async () => {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      answer: () => faultReport('route.signin-refused'),
    });
    const id = await accept(test.spool, clock);
    const { pass } = await run(mailbox);
    await pass(96 * HOUR, 15 * MINUTE);
    await pass(2 * HOUR, 15 * MINUTE);
    const detail = await show(test.spool, id);
    expect(detail.recipients[0]).toMatchObject({ state: 'failed', code: 'message.too-old', tries: 0 });
    expect(detail.recipients[0]?.cause).toContain('This is route.signin-refused.');
  });

  it('still tries a message that grew too old while the box was off', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    const id = await accept(test.spool, clock);
    await clock.advance(200 * HOUR);
    await run(mailbox);
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  });
});

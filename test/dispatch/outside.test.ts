/** A limit on recipients outside the tenant: their pause, beside those inside, over a real spool with scripted routes. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DeliveryReport } from '../../src/core/outcome.ts';
import type { OutgoingMessage } from '../../src/routes/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, type DispatchBench, eventsOf, show, startDispatch, statesOf } from './bench.ts';
import { createScriptedRoute, delivered, outcomes, reportOf, type ScriptedRoute } from './scripted-route.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const INSIDE = 'kim@contoso.com';
const OUTSIDE = 'anna@fabrikam.com';
const FAULT = {
  why: { code: 'reply.external-limit', cause: 'Used up.', advice: 'Wait.' },
  reply: { code: 550, enhanced: '5.7.233', text: '550 5.7.233 Limit exceeded' },
  needsPerson: false,
  retryAfterMs: HOUR,
};

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

const limited = (id = 'mailbox') =>
  createScriptedRoute({ id, clock, ownDomains: ['contoso.com'], answer: refuseOutside });

/** As the tenant does: an envelope with anybody outside is refused as a whole. */
function refuseOutside(message: OutgoingMessage): DeliveryReport {
  if (message.recipients.every((address) => address.endsWith('@contoso.com')))
    return reportOf(message, outcomes.delivered);
  const { why, reply } = FAULT;
  const report = reportOf(message, { ...outcomes.retry, why, reply, split: true });
  return { ...report, outsideFault: FAULT };
}

const asked = (route: ScriptedRoute) => route.asked.map(({ message }) => message.recipients.toSorted());

it('keeps outside mail waiting with no try spent and no further attempt, while inside mail goes on', async () => {
  const mailbox = limited();
  const { dispatch, pass, quiet } = await run(mailbox);
  const mixed = await accept(test.spool, clock, { recipients: [INSIDE, OUTSIDE] });
  await quiet();
  const outside = await accept(test.spool, clock, { recipients: ['bob@adatum.com'] });
  const inside = await accept(test.spool, clock, { recipients: [INSIDE] });
  await quiet();
  await pass(59 * MINUTE, MINUTE);
  expect(asked(mailbox)).toEqual([[OUTSIDE, INSIDE], [INSIDE], [INSIDE]]);
  expect(await statesOf(test.spool, mixed)).toEqual(['deferred', 'delivered']);
  expect(await statesOf(test.spool, outside)).toEqual(['queued']);
  expect(await statesOf(test.spool, inside)).toEqual(['delivered']);
  const { recipients } = await show(test.spool, mixed);
  expect(recipients.find(({ address }) => address === OUTSIDE)).toMatchObject({
    tries: 0,
    code: 'reply.external-limit',
  });
  const [status] = dispatch.routes();
  expect(status).toMatchObject({
    state: 'open',
    pause: null,
    outsidePause: { code: 'reply.external-limit' },
  });
});

it('probes with one message when the time is over, and lets the others follow once it arrived', async () => {
  const mailbox = limited();
  const ids = [];
  for (let i = 0; i < 5; i++) ids.push(await accept(test.spool, clock, { recipients: [OUTSIDE] }));
  const { dispatch, pass } = await run(mailbox);
  const before = mailbox.asked.length;
  await pass(61 * MINUTE, MINUTE);
  expect(mailbox.asked.length - before).toBe(1);
  mailbox.answer = delivered;
  await pass(90 * MINUTE, MINUTE);
  for (const id of ids) expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  expect(dispatch.routes()[0]).not.toHaveProperty('outsidePause');
  const paused = await eventsOf(test.spool, 'route.paused');
  expect(paused.map(({ data }) => data.scope)).toEqual(['outside']);
  const resumed = await eventsOf(test.spool, 'route.resumed');
  expect(resumed.map(({ data }) => data.scope)).toEqual(['outside']);
});

it('keeps its end over a restart', async () => {
  const mailbox = limited();
  const id = await accept(test.spool, clock, { recipients: [OUTSIDE] });
  const first = await run(mailbox);
  const until = first.dispatch.routes()[0]?.outsidePause?.until;
  await first.pass(20 * MINUTE, MINUTE);
  await first.stop();
  const stoppedForMs = clock.now();
  mailbox.answer = delivered;
  const { dispatch, pass } = await run(mailbox);
  expect(dispatch.routes()[0]?.outsidePause?.until).toBe(until);
  await pass((until ?? 0) - stoppedForMs - MINUTE, MINUTE);
  expect(await statesOf(test.spool, id)).toEqual(['deferred']);
  await pass(2 * MINUTE);
  expect(await statesOf(test.spool, id)).toEqual(['delivered']);
  expect(await eventsOf(test.spool, 'route.paused')).toHaveLength(1);
});

it('goes by the next route of the rule meanwhile', async () => {
  const [mailbox, relay] = [limited(), createScriptedRoute({ id: 'relay', clock })];
  const id = await accept(test.spool, clock, { recipients: [OUTSIDE, INSIDE] });
  await run(mailbox, relay);
  expect(await statesOf(test.spool, id)).toEqual(['delivered', 'delivered']);
  expect([asked(mailbox).length, asked(relay)]).toEqual([2, [[OUTSIDE]]]);
});

it('ends when an operator resumes the route', async () => {
  const mailbox = limited();
  const id = await accept(test.spool, clock, { recipients: [OUTSIDE] });
  const { dispatch, quiet } = await run(mailbox);
  mailbox.answer = delivered;
  dispatch.resumeRoute('mailbox', 'alex');
  await quiet();
  expect(await statesOf(test.spool, id)).toEqual(['delivered']);
});

it('tells when who waits outside will go, and lets nobody inside stand behind them', async () => {
  const mailbox = limited();
  mailbox.limits.connections = 1;
  const outside = await accept(test.spool, clock, { recipients: [OUTSIDE] });
  const { dispatch } = await run(mailbox);
  const inside = await accept(test.spool, clock, { receivedAt: clock.now(), recipients: [INSIDE] });
  const until = dispatch.routes()[0]?.outsidePause?.until ?? 0;
  const [out, own] = await Promise.all([outside, inside].map((id) => show(test.spool, id)));
  const ids = [out, own].flatMap((detail) => detail?.recipients.map((recipient) => recipient.id) ?? []);
  const times = await dispatch.forecast(ids);
  const [goesAt, ownGoesAt] = ids.map((id) => times.get(id));
  expect(goesAt).toBeGreaterThanOrEqual(until);
  expect(goesAt).toBeLessThan(until + MINUTE);
  // Left out when it went meanwhile.
  expect(ownGoesAt ?? clock.now()).toBeLessThan(clock.now() + MINUTE);
});

it('fails at last what grew too old meanwhile, with the reason', async () => {
  const mailbox = limited();
  const id = await accept(test.spool, clock, { recipients: [OUTSIDE] });
  bench = await startDispatch(clock, test.spool, {
    routes: [mailbox],
    routing: [{ use: ['mailbox'] }],
    maxAgeHours: 5,
  });
  await bench.pass(6.5 * HOUR, 10 * MINUTE);
  const { recipients } = await show(test.spool, id);
  expect(recipients[0]).toMatchObject({ state: 'failed', code: 'message.too-old' });
  expect(recipients[0]?.cause).toContain('Used up.');
});

/** Lost replies to the final dot, and the end of a message's life: nothing is forgotten, and a person can send it. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, type DispatchBench, eventsOf, show, startDispatch } from './bench.ts';
import { createScriptedRoute, delivered, outcomes, reportOf, type ScriptedRoute } from './scripted-route.ts';

const HOUR = 3_600_000;

let clock: FakeClock;
let test: TestSpool;
let mailbox: ScriptedRoute;
let bench: DispatchBench | null = null;

beforeEach(async () => {
  clock = createFakeClock();
  test = await openTestSpool({ clock });
  mailbox = createScriptedRoute({ id: 'mailbox', clock });
  mailbox.answer = (message) => reportOf(message, { ...outcomes.retry, uncertain: true });
});

afterEach(async () => {
  await bench?.stop();
  bench = null;
  await test.close();
});

async function start(): Promise<DispatchBench> {
  bench = await startDispatch(clock, test.spool, { routes: [mailbox], routing: [{ use: ['mailbox'] }] });
  return bench;
}

it('counts each attempt whose last reply was lost, and sends the same Message-ID again', async () => {
  await accept(test.spool, clock);
  await accept(test.spool, clock, { recipients: ['kim@contoso.com', 'lee@contoso.com'] });
  const { pass } = await start();
  expect((await test.spool.stats()).uncertainAttempts).toBe(2);
  mailbox.answer = delivered;
  await pass(2 * 60_000);
  expect(await test.spool.stats()).toMatchObject({ uncertainAttempts: 2, recipients: { delivered: 3 } });
  const headers = mailbox.asked.map(({ message }) => message.head.messageIdHeader);
  expect(new Set(headers).size).toBe(2);
  expect(headers.length).toBe(4);
});

it('does not take a reply that quotes the word for a lost one', async () => {
  const text = '550 5.7.1 refused: {"uncertain":true}';
  mailbox.answer = (message) =>
    reportOf(message, { ...outcomes.rejected, reply: { code: 550, enhanced: '5.7.1', text } });
  await accept(test.spool, clock);
  await start();
  expect(await test.spool.stats()).toMatchObject({ uncertainAttempts: 0, recipients: { failed: 1 } });
});

it('fails a message at 96 hours, says so, keeps it, and sends it when an operator retries', async () => {
  const id = await accept(test.spool, clock);
  const { pass, quiet, dispatch } = await start();
  await pass(95 * HOUR, 10 * 60_000);
  expect((await show(test.spool, id)).recipients[0]?.state).toBe('deferred');
  await pass(2 * HOUR, 10 * 60_000);
  const failed = await show(test.spool, id);
  expect(failed).toMatchObject({ hasBody: true, recipients: [{ state: 'failed', code: 'message.too-old' }] });
  expect(failed.recipients[0]?.cause).toContain('96 hours');
  expect(failed.attempts.at(-1)?.results[0]).toMatchObject({ state: 'failed', uncertain: true });
  expect((await eventsOf(test.spool, 'message.failed')).map(({ data }) => data.message)).toEqual([id]);

  mailbox.answer = delivered;
  expect(await test.spool.act('retry', { ids: [id] }, 'kim')).toMatchObject({ changed: 1 });
  dispatch.wake();
  await quiet();
  expect(await show(test.spool, id)).toMatchObject({ hasBody: false, recipients: [{ state: 'delivered' }] });
});

it('gives a message beyond its age one try for each retry by an operator', async () => {
  const id = await accept(test.spool, clock);
  const { pass, quiet } = await start();
  await pass(97 * HOUR, 10 * 60_000);
  await test.spool.act('retry', { ids: [id] }, 'kim');
  await quiet();
  expect((await show(test.spool, id)).recipients[0]?.state).toBe('failed');
});

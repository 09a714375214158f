/** A crash of the spool's thread at the worst moments, and what the next start makes of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, startDispatch, statesOf } from './bench.ts';
import { createGate, createScriptedRoute, type ScriptedRoute } from './scripted-route.ts';

let clock: FakeClock;
let directory: string;
let test: TestSpool;

beforeEach(async () => {
  clock = createFakeClock();
  directory = await mkdtemp(join(tmpdir(), 'scanferry-dispatch-'));
  test = await openTestSpool({ clock, directory });
});

afterEach(async () => {
  await test.close();
  await rm(directory, { recursive: true, force: true });
});

const run = (route: ScriptedRoute) =>
  startDispatch(clock, test.spool, { routes: [route], routing: [{ use: [route.id] }] });

/** Ends the thread as a crash does, and opens the same folder again. */
async function crashAndReopen(): Promise<void> {
  await test.worker().terminate();
  await test.fatal;
  await test.close().catch(() => {
    // A spool that died can't be stopped in order; that is what is tested.
  });
  test = await openTestSpool({ clock, directory, key: test.key });
}

describe('a crash', () => {
  it('between delivery and settlement leaves the message queued: sent again, with the same Message-ID', async () => {
    const gate = createGate();
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, answer: gate.answer });
    const id = await accept(test.spool, clock);
    const before = await run(mailbox);
    expect(gate.waiting()).toBe(1);
    await crashAndReopen();
    gate.release();
    await before.stop();
    expect(await statesOf(test.spool, id)).toEqual(['queued']);
    const after = await run(mailbox);
    gate.release();
    await after.quiet();
    expect(await statesOf(test.spool, id)).toEqual(['delivered']);
    const [first, second] = mailbox.asked.map(({ message }) => message.head.messageIdHeader);
    expect([mailbox.asked.length, second]).toEqual([2, first]);
    await after.stop();
  });

  it('forgets nothing of the budgets that was recorded', async () => {
    const limits = { recipientsPerDay: 5, messagesPerMinute: 10 };
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, limits });
    await accept(test.spool, clock, { recipients: ['a@contoso.com', 'b@contoso.com'] });
    const before = await run(mailbox);
    await before.quiet();
    await crashAndReopen();
    await before.stop();
    const after = await run(mailbox);
    expect(after.dispatch.routes()[0]?.budget).toEqual({ messagesThisMinute: 9, recipientsToday: 3 });
    await after.stop();
  });
});

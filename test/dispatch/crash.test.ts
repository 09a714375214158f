/** A crash of the spool's thread at the worst moments, and what the next start makes of it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutgoingMessage } from '../../src/routes/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, show, startDispatch, statesOf } from './bench.ts';
import { createGate, createScriptedRoute, outcomes, reportOf, type ScriptedRoute } from './scripted-route.ts';

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

const UPSTREAM = { host: 'mail.contoso.com', address: '127.0.0.1', port: 25, tls: null };
const upToTheDot = (message: OutgoingMessage) => message.beforeFinalDot(UPSTREAM);
const FINAL_DOTS = 'final-dots';

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

  it('between the final dot and its answer is told: the message may have arrived, and goes again at once', async () => {
    const recipients = ['a@contoso.com', 'b@contoso.com'];
    const id = await accept(test.spool, clock, { recipients });
    const never = createScriptedRoute({ id: 'mailbox', clock });
    never.answer = async (message) => {
      await upToTheDot(message);
      return new Promise(() => {});
    };
    const startedAt = clock.now();
    const before = await run(never);
    await clock.advance(3000);
    await crashAndReopen();
    await before.stop();

    const mailbox = createScriptedRoute({ id: 'mailbox', clock, limits: { messagesPerMinute: 10 } });
    const { stop, log, dispatch } = await run(mailbox);
    const { attempts, recipients: after } = await show(test.spool, id);
    expect(attempts[0]).toMatchObject({
      routeId: 'mailbox',
      host: UPSTREAM.host,
      startedAt,
      endedAt: startedAt,
    });
    expect(attempts[0]?.results).toMatchObject(
      recipients.map((address) => ({
        address,
        state: 'deferred',
        code: 'message.answer-missed',
        uncertain: true,
      })),
    );
    expect(after.map(({ state, tries }) => ({ state, tries }))).toEqual([
      { state: 'delivered', tries: 2 },
      { state: 'delivered', tries: 2 },
    ]);
    expect(mailbox.asked[0]?.message.head.messageIdHeader).toBe(never.asked[0]?.message.head.messageIdHeader);
    expect((await test.spool.stats()).uncertainAttempts).toBe(1);
    expect(log.lines.map(({ event }) => event)).toContain('dispatch.unanswered');
    // What may have arrived counts: a message and its recipients, beside those of now.
    expect(dispatch.routes()[0]?.budget).toEqual({ messagesThisMinute: 8, recipientsToday: 9996 });
    await stop();
  });

  it('that comes back each time sends ever more seldom', async () => {
    const never = createScriptedRoute({ id: 'mailbox', clock });
    never.answer = async (message) => {
      await upToTheDot(message);
      return new Promise(() => {});
    };
    await accept(test.spool, clock);
    for (let start = 0; start < 3; start++) {
      const bench = await run(never);
      await crashAndReopen();
      await bench.stop();
    }
    expect(never.asked).toHaveLength(2);
    const last = await run(never);
    await last.pass(2 * 60_000, 10_000);
    expect(never.asked).toHaveLength(3);
    await last.stop();
  });

  it('after an answer was recorded tells nothing, though the note was still on the disk', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    mailbox.answer = async (message) => {
      await upToTheDot(message);
      return reportOf(message, outcomes.retry);
    };
    const note = join(directory, FINAL_DOTS);
    const id = await accept(test.spool, clock);
    const before = await run(mailbox);
    const noted = await readFile(note);
    await before.stop();
    await crashAndReopen();
    await writeFile(note, noted);
    const after = await run(mailbox);
    expect((await show(test.spool, id)).attempts).toHaveLength(1);
    expect((await test.spool.stats()).uncertainAttempts).toBe(0);
    expect(await test.spool.finalDots()).toEqual([]);
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

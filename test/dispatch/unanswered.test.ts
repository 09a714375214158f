/** Final dots without an answer: noted before they leave, and what the next start makes of them. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { OutgoingMessage } from '../../src/routes/types.ts';
import { type RecipientSettlement, type Spool, SpoolRefusal } from '../../src/spool/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, type DispatchBench, show, startDispatch } from './bench.ts';
import {
  createScriptedRoute,
  faultReport,
  outcomes,
  reportOf,
  type ScriptedRoute,
} from './scripted-route.ts';

const UPSTREAM = { host: 'mail.contoso.com', address: '127.0.0.1', port: 25, tls: null };
const MINUTE = 60_000;

let clock: FakeClock;
let directory: string;
let test: TestSpool;
let note: string;

beforeEach(async () => {
  clock = createFakeClock();
  directory = await mkdtemp(join(tmpdir(), 'scanferry-dispatch-'));
  note = join(directory, 'spool.final-dots');
  test = await openTestSpool({ clock, directory });
});

afterEach(async () => {
  await test.close();
  await rm(directory, { recursive: true, force: true });
});

function run(...routes: ScriptedRoute[]): Promise<DispatchBench> {
  const routing = [...routes].reverse().map(({ id, domains }) => ({
    ...(domains && { recipients: domains.map((domain) => `*@${domain}`) }),
    use: [id],
  }));
  return startDispatch(clock, test.spool, { routes, routing });
}

/** Ends the thread as a crash does, and opens the same folder again. */
async function crashAndReopen(): Promise<void> {
  await test.worker().terminate();
  await test.fatal;
  await test.close().catch(() => {
    // A spool that died can't be stopped in order; that is what is tested.
  });
  test = await openTestSpool({ clock, directory, key: test.key });
}

/** Opens the same folder again, with what was noted at some moment before. */
async function reopenWith(noted: Buffer): Promise<void> {
  await test.close();
  await writeFile(note, noted);
  test = await openTestSpool({ clock, directory, key: test.key });
}

const upToTheDot = (message: OutgoingMessage) => message.beforeFinalDot(UPSTREAM, message.recipients);

/** A route whose server never answers the final dot. */
function silentRoute(id = 'mailbox'): ScriptedRoute {
  return createScriptedRoute({
    ...{ id, clock },
    async answer(message) {
      await upToTheDot(message);
      return new Promise(() => {});
    },
  });
}

/** Crashes while a message waits for the answer to its final dot. */
async function crashAtDot(route = silentRoute()): Promise<ScriptedRoute> {
  const bench = await run(route);
  await crashAndReopen();
  await bench.stop();
  return route;
}

const attemptsOf = async (id: string) => (await show(test.spool, id)).attempts;

describe('a crash', () => {
  it('between the final dot and its answer is told: the message may have arrived, and goes again at once', async () => {
    const recipients = ['a@contoso.com', 'b@contoso.com'];
    const id = await accept(test.spool, clock, { recipients });
    const never = silentRoute();
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

  it.each([
    ['', 0],
    [', also a message beyond its age', 97 * 60 * MINUTE],
  ])('that comes back each time sends ever more seldom%s', async (_what, ageMs) => {
    const never = silentRoute();
    await accept(test.spool, clock, { receivedAt: clock.now() - ageMs });
    for (let start = 0; start < 3; start++) await crashAtDot(never);
    expect(never.asked).toHaveLength(2);
    const last = await run(never);
    await last.pass(2 * MINUTE, 10_000);
    expect(never.asked).toHaveLength(3);
    await last.stop();
  });

  it('after an answer was recorded tells nothing, though the note was still on the disk', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    mailbox.answer = async (message) => {
      await upToTheDot(message);
      return reportOf(message, outcomes.retry);
    };
    const id = await accept(test.spool, clock);
    const before = await run(mailbox);
    const noted = await readFile(note);
    await before.stop();
    await reopenWith(noted);
    const after = await run(mailbox);
    expect(await attemptsOf(id)).toHaveLength(1);
    expect((await test.spool.stats()).uncertainAttempts).toBe(0);
    await after.stop();
  });

  it('settles nobody who was not in the envelope, or has an answer already', async () => {
    const recipients = ['a@contoso.com', 'b@contoso.com', 'c@fabrikam.com'];
    const id = await accept(test.spool, clock, { recipients });
    const [a, b] = (await show(test.spool, id)).recipients;
    const ids = [a?.id ?? 0, b?.id ?? 0];
    const dot = { messageId: id, routeId: 'mailbox', upstream: UPSTREAM, recipientIds: ids };
    await test.spool.noteFinalDot({ ...dot, startedAt: clock.now() + 5, dotAt: clock.now() + 9 });
    const before = { routeId: 'mailbox', startedAt: clock.now(), endedAt: clock.now(), upstream: UPSTREAM };
    const arrived: RecipientSettlement = { recipientId: ids[0] ?? 0, state: 'delivered', reply: '250 OK' };
    const noted = await readFile(note);
    await test.spool.settle({ messageId: id, attempt: before, recipients: [arrived] });
    await reopenWith(noted);

    const { stop } = await run(
      createScriptedRoute({ id: 'mailbox', clock, answer: () => new Promise(() => {}) }),
    );
    const results = (await attemptsOf(id)).at(-1)?.results;
    expect(results?.map(({ address, uncertain: isUncertain }) => [address, isUncertain])).toEqual([
      ['b@contoso.com', true],
    ]);
    expect((await show(test.spool, id)).recipients.map(({ tries }) => tries)).toEqual([1, 1, 0]);
    await stop();
  });

  it.each([
    ['ahead before', -30 * MINUTE - 7],
    ['behind before', 30 * MINUTE + 7],
  ])('is told where the clock was %s, and a fault of the route came first', async (_what, correction) => {
    const mailbox = silentRoute();
    const { answer } = mailbox;
    mailbox.answer = () => faultReport();
    const id = await accept(test.spool, clock);
    await clock.advance(20);
    const bench = await run(mailbox);
    clock.setWallClock(clock.now() + correction);
    mailbox.answer = answer;
    // What was due by the former clock is due by this one.
    await bench.pass(35 * MINUTE, 30_000);
    expect(mailbox.asked).toHaveLength(2);
    await crashAndReopen();
    await bench.stop();
    const { stop } = await run(createScriptedRoute({ id: 'mailbox', clock }));
    expect((await attemptsOf(id)).map(({ results }) => results[0]?.uncertain)).toEqual([false, true, false]);
    await stop();
  });

  it('tells nothing of an attempt that was recorded, though the clock went back before its answer', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock });
    mailbox.answer = async (message) => {
      await upToTheDot(message);
      clock.setWallClock(clock.now() - 5000);
      return reportOf(message, outcomes.retry);
    };
    const id = await accept(test.spool, clock);
    const bench = await run(mailbox);
    const noted = await readFile(note);
    await bench.stop();
    await reopenWith(noted);
    const { stop } = await run(createScriptedRoute({ id: 'mailbox', clock }));
    expect(await attemptsOf(id)).toHaveLength(1);
    await stop();
  });

  it('whose notes can’t be read keeps nothing else from being recalled', async () => {
    const limits = { recipientsPerDay: 5 };
    await accept(test.spool, clock, { recipients: ['a@contoso.com', 'b@contoso.com'] });
    const before = await run(createScriptedRoute({ id: 'mailbox', clock, limits }));
    await before.stop();
    await test.close();
    await rm(note, { force: true });
    await mkdir(note);
    test = await openTestSpool({ clock, directory, key: test.key });
    const { dispatch, log, stop } = await run(createScriptedRoute({ id: 'mailbox', clock, limits }));
    expect(dispatch.routes()[0]?.budget.recipientsToday).toBe(3);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    expect(test.log.lines.map(({ event }) => event)).toContain('spool.final-dots-failed');
    await stop();
  });

  it('is recorded once the disk takes it, for whoever still waits then, and nothing is sent before', async () => {
    const recipients = ['x@contoso.com', 'y@contoso.com'];
    const [both, one] = [await accept(test.spool, clock, { recipients }), await accept(test.spool, clock)];
    await crashAtDot();
    let isRefusing = true;
    let looks = 0;
    const refused = () => Promise.reject(new SpoolRefusal('disk-error', 'told by the test'));
    const spool = withCalls({
      show: (id) => (isRefusing && ++looks % 2 === 0 ? refused() : test.spool.show(id)),
      settle: (settlement) => (isRefusing ? refused() : test.spool.settle(settlement)),
    });
    const route = createScriptedRoute({ id: 'mailbox', clock, limits: { messagesPerMinute: 30 } });
    const bench = await startDispatch(clock, spool, { routes: [route], routing: [{ use: ['mailbox'] }] });
    await bench.pass(5000);
    expect(route.asked).toEqual([]);
    expect(bench.dispatch.routes()[0]).toMatchObject({
      state: 'paused',
      pause: { code: 'dispatch.unrecordable' },
    });
    await test.spool.act('cancel', { ids: [both], recipient: 'x@contoso.com' }, 'kim');

    isRefusing = false;
    await bench.pass(10_000);
    const told = async (id: string) =>
      (await attemptsOf(id)).map(({ results }) =>
        results.map(({ address, uncertain }) => [address, uncertain]),
      );
    expect(await told(both)).toEqual([[['y@contoso.com', true]], [['y@contoso.com', false]]]);
    expect(await told(one)).toEqual([[['kim@contoso.com', true]], [['kim@contoso.com', false]]]);
    expect(bench.dispatch.routes()[0]?.budget).toEqual({ messagesThisMinute: 26, recipientsToday: 9996 });
    await bench.stop();
  });

  it('is told of whoever still waits, where an operator cancels another in the midst of it', async () => {
    const recipients = ['x@contoso.com', 'y@contoso.com'];
    const id = await accept(test.spool, clock, { recipients });
    await crashAtDot();
    let isFirst = true;
    const spool = withCalls({
      async settle(settlement) {
        if (isFirst) await test.spool.act('cancel', { ids: [id], recipient: 'x@contoso.com' }, 'kim');
        isFirst = false;
        return test.spool.settle(settlement);
      },
    });
    const route = createScriptedRoute({ id: 'mailbox', clock });
    const bench = await startDispatch(clock, spool, { routes: [route], routing: [{ use: ['mailbox'] }] });
    const [recorded] = await attemptsOf(id);
    expect(recorded?.results).toMatchObject([{ address: 'y@contoso.com', uncertain: true }]);
    await bench.stop();
  });

  it('is told of every message, also where one can’t be looked at', async () => {
    const ids = [await accept(test.spool, clock), await accept(test.spool, clock)];
    await crashAtDot();
    const [damaged = '', whole = ''] = ids;
    const spool = withCalls({
      show: (id) => (id === damaged ? Promise.reject(new Error('row 7 is damaged')) : test.spool.show(id)),
    });
    const route = createScriptedRoute({ id: 'mailbox', clock });
    const bench = await startDispatch(clock, spool, { routes: [route], routing: [{ use: ['mailbox'] }] });
    expect((await attemptsOf(whole)).map(({ results }) => results[0]?.uncertain)).toEqual([true, false]);
    expect(bench.log.lines).toContainEqual(
      expect.objectContaining({ event: 'dispatch.unanswered-failed', level: 'error' }),
    );
    await bench.stop();
  });
});

/** The spool with some of its calls replaced. */
function withCalls(calls: Partial<Spool>): Spool {
  return new Proxy(test.spool, {
    get: (target, name, receiver) => Reflect.get(calls, name) ?? Reflect.get(target, name, receiver),
  });
}

describe('a final dot', () => {
  /** Starts on a message and hands it over as its route has it. */
  async function begin(
    spool: Spool,
  ): Promise<{ message: OutgoingMessage; bench: DispatchBench; end(): void }> {
    const taken = Promise.withResolvers<OutgoingMessage>();
    const end = Promise.withResolvers<void>();
    const route = createScriptedRoute({ id: 'mailbox', clock });
    route.answer = async (message) => {
      taken.resolve(message);
      await end.promise;
      return reportOf(message, outcomes.retry);
    };
    await accept(test.spool, clock);
    const bench = await startDispatch(clock, spool, { routes: [route], routing: [{ use: ['mailbox'] }] });
    return { message: await taken.promise, bench, end: end.resolve };
  }

  it('waits for a disk, but not for ever', async () => {
    const disk = Promise.withResolvers<void>();
    const { message, bench, end } = await begin(withCalls({ noteFinalDot: () => disk.promise }));
    let goes: boolean | null = null;
    const asked = upToTheDot(message).then((answer) => {
      goes = answer;
    });
    await clock.advance(LIMITS.finalDotNoteMaxMs - 1);
    expect(goes).toBe(null);
    await clock.advance(1);
    await asked;
    expect(goes).toBe(true);
    expect(bench.log.lines.map(({ event }) => event)).toContain('dispatch.final-dot-not-noted');
    disk.resolve();
    end();
    await bench.stop();
  });

  it('does not leave when the spool’s thread is gone: nothing could be recorded of it', async () => {
    const { message, bench, end } = await begin(test.spool);
    await test.worker().terminate();
    await test.fatal;
    expect(await upToTheDot(message)).toBe(false);
    end();
    await bench.stop();
  });

  it('does not leave, and is not noted, once its attempt is over', async () => {
    const { message, bench, end } = await begin(test.spool);
    end();
    await bench.quiet();
    expect(await upToTheDot(message)).toBe(false);
    await bench.stop();
    await expect(readFile(note)).rejects.toThrow('ENOENT');
  });
});

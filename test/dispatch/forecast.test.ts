/** When a waiting message goes, about: the reckoning as a table, and against what dispatch then does. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forecast, type Outlook } from '../../src/dispatch/forecast.ts';
import type { WaitingRecipient } from '../../src/spool/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, type DispatchBench, show, startDispatch } from './bench.ts';
import { createScriptedRoute, faultReport, type ScriptedRoute } from './scripted-route.ts';

const NOW = 1_000_000;
const MINUTE = 60_000;

describe('a forecast', () => {
  const open: Outlook = {
    key: 'mailbox',
    opensAt: NOW,
    messagesLeft: 2,
    messagesPerMinute: 2,
    recipientsLeft: 100,
  };

  /** One recipient for each message, in the order in which they are due; `a` and `b` are devices. */
  function times(order: string, outlook: Outlook, dueAt = NOW): (number | null | undefined)[] {
    const waiting = order.split('').map(
      (device, index): WaitingRecipient => ({
        ...{ id: index, message: index, device, domain: 'contoso.com' },
        nextAttemptAt: dueAt,
      }),
    );
    const wanted = new Set(waiting.map(({ id }) => id));
    const result = forecast({ waiting, wanted, outlookFor: () => outlook });
    return waiting.map(({ id }) => result.get(id));
  }

  it.each<[string, string, Partial<Outlook>, (number | null)[]]>([
    ['now what the minute still holds', 'aa', {}, [0, 0]],
    ['the rest at the rate', 'aaaaa', {}, [0, 0, 0.5, 1, 1.5]],
    ['devices in turns', 'aaaab', {}, [0, 0.5, 1, 1.5, 0]],
    [
      'all after the end of a pause',
      'aaa',
      { opensAt: NOW + 10 * MINUTE, messagesLeft: 0 },
      [10.5, 11, 11.5],
    ],
    ['nothing for a pause without an end', 'aa', { opensAt: null }, [null, null]],
    ['nothing for whom the day is too short', 'aaa', { recipientsLeft: 2 }, [0, 0, null]],
  ])('gives %s', (_name, order, outlook, minutes) => {
    const expected = minutes.map((minute) => (minute === null ? null : NOW + minute * MINUTE));
    expect(times(order, { ...open, ...outlook })).toEqual(expected);
  });

  it('is never before the next try', () => {
    expect(times('a', open, NOW + 5 * MINUTE)).toEqual([NOW + 5 * MINUTE]);
  });

  it('counts the recipients of one message once', () => {
    const about = { device: 'a', domain: 'contoso.com', nextAttemptAt: NOW };
    const waiting = [1, 2, 3].map((id) => ({ ...about, id, message: id < 3 ? 1 : 2 }));
    const outlook = { ...open, messagesLeft: 1 };
    const result = forecast({ waiting, wanted: new Set([1, 2, 3]), outlookFor: () => outlook });
    expect([...result.values()]).toEqual([NOW, NOW, NOW + MINUTE / 2]);
  });

  it('keeps the queues of different routes apart and leaves out whom no route can carry', () => {
    const about = { device: 'a', nextAttemptAt: NOW };
    const waiting = ['contoso.com', 'contoso.com', 'contoso.com', 'fabrikam.com', 'example.org'].map(
      (domain, id) => ({ ...about, id, message: id, domain }),
    );
    const outlookFor = (domain: string) => (domain === 'example.org' ? null : { ...open, key: domain });
    const result = forecast({ waiting, wanted: new Set([2, 3, 4]), outlookFor });
    expect([...result]).toEqual([
      [2, NOW + MINUTE / 2],
      [3, NOW],
    ]);
  });
});

describe('the forecast of dispatch', () => {
  let clock: FakeClock;
  let test: TestSpool;
  let bench: DispatchBench | null = null;
  let mailbox: ScriptedRoute;

  beforeEach(async () => {
    clock = createFakeClock();
    test = await openTestSpool({ clock });
    mailbox = createScriptedRoute({ id: 'mailbox', clock, limits: { messagesPerMinute: 10 } });
  });

  afterEach(async () => {
    await bench?.stop();
    bench = null;
    await test.close();
  });

  const recipientOf = async (id: string): Promise<number> =>
    (await show(test.spool, id)).recipients[0]?.id ?? -1;

  async function start(): Promise<DispatchBench> {
    bench = await startDispatch(clock, test.spool, { routes: [mailbox], routing: [{ use: ['mailbox'] }] });
    return bench;
  }

  it('is right to the minute for a backlog, and spends no try while it waits', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 55; i++) ids.push(await accept(test.spool, clock, { device: `copier-${i % 3}` }));
    const { dispatch, pass } = await start();
    const last = ids.at(-1) ?? '';
    const recipient = await recipientOf(last);
    const expectedAt = (await dispatch.forecast([recipient])).get(recipient) ?? 0;
    expect((await show(test.spool, last)).recipients[0]).toMatchObject({ state: 'queued', tries: 0 });
    await pass(10 * MINUTE);
    const sentAt =
      clock.now() -
      clock.monotonicMs() +
      (mailbox.asked.find(({ message }) => message.head.id === last)?.at ?? 0);
    expect(Math.abs(expectedAt - sentAt)).toBeLessThanOrEqual(MINUTE);
  });

  it('names the end of a pause, and nothing for a pause by an operator', async () => {
    mailbox.answer = () => faultReport('route.busy', { retryAfterMs: 20 * MINUTE });
    const recipient = await recipientOf(await accept(test.spool, clock));
    const { dispatch } = await start();
    const until = dispatch.routes()[0]?.pause?.until ?? 0;
    const expectedAt = (await dispatch.forecast([recipient])).get(recipient) ?? 0;
    expect(until).toBeGreaterThan(clock.now());
    expect(expectedAt - until).toBeLessThan(MINUTE);
    expect(expectedAt).toBeGreaterThanOrEqual(until);
    dispatch.pauseRoute('mailbox', 'kim');
    expect((await dispatch.forecast([recipient])).get(recipient)).toBeNull();
  });

  it('knows nothing while the clock is not set', async () => {
    clock.setIsSet(false);
    const recipient = await recipientOf(await accept(test.spool, clock));
    const { dispatch } = await start();
    expect(await dispatch.forecast([recipient])).toEqual(new Map());
  });
});

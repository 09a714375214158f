/** The way of a recipient: claimed, settled, acted upon, and what is told of it. */
import { describe, expect, test } from 'vitest';
import type { RecipientState } from '../../src/core/message.ts';
import type { OperatorAction, RecipientSettlement } from '../../src/spool/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { acceptTestMessage, readTestBody, type TestSpool } from '../support/spool.ts';
import { ALL, claimOne, deliver, spoolsOfThisFile, testAttempt } from './open-spools.ts';

const open = spoolsOfThisFile();
const NEWEST = { limit: 100, before: null };

async function stateOf({ spool }: TestSpool, id: string): Promise<RecipientState | undefined> {
  return (await spool.show(id))?.recipients[0]?.state;
}

/** How one recipient gets into each state. */
const BRING_TO: Record<Exclude<RecipientState, 'queued'>, (test: TestSpool, id: string) => Promise<void>> = {
  async sending(test) {
    await claimOne(test);
  },
  deferred: (test) => settleAs(test, { state: 'deferred', nextAttemptAt: test.clock.now() + 60_000.5 }),
  failed: (test) => settleAs(test, { state: 'failed' }),
  held: (test) => settleAs(test, { state: 'held' }),
  async delivered(test) {
    await deliver(test, await claimOne(test));
  },
  async cancelled({ spool }, id) {
    await spool.act('cancel', { ids: [id] }, 'test');
  },
};

async function settleAs(
  test: TestSpool,
  how: { state: 'deferred'; nextAttemptAt: number } | { state: 'failed' | 'held' },
): Promise<void> {
  const claim = await claimOne(test);
  const trouble = { code: 'reply.busy', cause: 'The other side is busy.', reply: '450 4.2.1 busy' };
  const recipients = claim.recipients.map(({ id }): RecipientSettlement => {
    if (how.state !== 'deferred') return { recipientId: id, state: how.state, ...trouble };
    return { recipientId: id, ...how, ...trouble, spendTry: true, uncertain: true };
  });
  const attempt = testAttempt(test.clock.now());
  await test.spool.settle({ messageId: claim.head.id, attempt, recipients });
}

async function messageIn(test: TestSpool, state: RecipientState): Promise<string> {
  const { id } = await acceptTestMessage(test);
  if (state !== 'queued') await BRING_TO[state](test, id);
  expect(await stateOf(test, id)).toBe(state);
  return id;
}

describe('an accepted message', () => {
  test('is queued, due at once, and told of', async () => {
    const test = await open();
    const message = await acceptTestMessage(test, { recipients: ['ann@contoso.com', 'bob@Fabrikam.com'] });
    const claim = await claimOne(test);
    expect(claim.head).toEqual({
      id: message.id,
      receivedAt: message.receivedAt,
      sender: message.sender,
      messageIdHeader: message.messageIdHeader,
      bodyBytes: 26,
      device: message.device,
    });
    expect(claim.recipients.map(({ address, tries }) => [address, tries])).toEqual([
      ['ann@contoso.com', 0],
      ['bob@Fabrikam.com', 0],
    ]);
    const [event] = await test.spool.events(0, 10);
    expect(event).toMatchObject({
      seq: 1,
      ts: test.clock.now(),
      type: 'message.accepted',
      data: { message: message.id, device: 'copier-2f', recipients: 2, bodyBytes: 26, held: null },
    });
  });

  test('that is held waits for release, with its reason', async () => {
    const test = await open();
    const held = { code: 'device.unknown', cause: 'Nobody has approved this device.' };
    const { id } = await acceptTestMessage(test, { held });
    expect(await test.spool.claimDue(test.clock.now(), ALL, 10)).toEqual([]);
    expect((await test.spool.show(id))?.recipients[0]).toMatchObject({ state: 'held', ...held });
    expect(await test.spool.act('release', { ids: [id] }, 'cli')).toEqual({ changed: 1, skipped: 0 });
    expect((await claimOne(test)).head.id).toBe(id);
  });

  test('without a recipient is refused, and leaves nothing', async () => {
    const test = await open();
    await expect(acceptTestMessage(test, { recipients: [] })).rejects.toThrow('has 0 recipients');
    expect(await test.spool.list({}, NEWEST)).toEqual([]);
    expect((await test.spool.stats()).bodyBytes).toBe(0);
  });

  test('is refused under an id that is taken, and the first one stays', async () => {
    const test = await open();
    const { id } = await acceptTestMessage(test, {}, 'first');
    await expect(acceptTestMessage(test, { id }, 'second')).rejects.toThrow('UNIQUE');
    expect((await readTestBody(test.spool, id)).toString()).toBe('first');
    expect((await test.spool.stats()).recipients.queued).toBe(1);
  });
});

describe('claims', () => {
  test('are given once, until they are given back', async () => {
    const test = await open();
    const { id } = await acceptTestMessage(test);
    await claimOne(test);
    expect(await test.spool.claimDue(test.clock.now(), ALL, 10)).toEqual([]);
    expect(await test.spool.nextDueAt(ALL)).toBeNull();
    expect(await test.spool.list({ states: ['queued'] }, NEWEST)).toEqual([]);
    expect(await test.spool.list({ states: ['sending'] }, NEWEST)).toHaveLength(1);
    expect((await test.spool.stats()).recipients).toMatchObject({ sending: 1, queued: 0 });
    await test.spool.unclaim(id);
    expect(await test.spool.nextDueAt(ALL)).toBe(test.clock.now());
    expect((await claimOne(test)).head.id).toBe(id);
  });

  test('are forgotten by a restart', async () => {
    const first = await open();
    const { id } = await acceptTestMessage(first);
    await claimOne(first);
    await first.spool.stop();
    const second = await open({ directory: first.directory, key: first.key, clock: first.clock });
    expect((await claimOne(second)).head.id).toBe(id);
  });

  test('come oldest due first, as many as asked for', async () => {
    const clock = createFakeClock();
    const test = await open({ clock });
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      ids.push((await acceptTestMessage(test)).id);
      await clock.advance(1000);
    }
    const claims = await test.spool.claimDue(clock.now(), ALL, 2);
    expect(claims.map(({ head }) => head.id)).toEqual(ids.slice(0, 2));
  });

  test.each([
    ['only', ['contoso.com'], ['ann@contoso.com']],
    ['except', ['contoso.com'], ['bob@Fabrikam.com']],
    ['only', ['fabrikam.com', 'contoso.com'], ['ann@contoso.com', 'bob@Fabrikam.com']],
    ['only', [], []],
    ['except', [], ['ann@contoso.com', 'bob@Fabrikam.com']],
  ] as const)('of %s the domains %j take the recipients %j', async (kind, domains, expected) => {
    const test = await open();
    await acceptTestMessage(test, { recipients: ['ann@contoso.com', 'bob@Fabrikam.com'] });
    const filter = { kind, domains: [...domains] };
    expect(await test.spool.nextDueAt(filter)).toBe(expected.length > 0 ? test.clock.now() : null);
    const claims = await test.spool.claimDue(test.clock.now(), filter, 10);
    expect(claims.flatMap(({ recipients }) => recipients.map(({ address }) => address))).toEqual(expected);
  });
});

describe('a settlement', () => {
  test('writes states, the verbatim reply and the events', async () => {
    const test = await open();
    const { id } = await acceptTestMessage(test, { recipients: ['a@contoso.com', 'b@contoso.com'] });
    const { recipients } = await claimOne(test);
    const [a, b] = recipients.map((recipient) => recipient.id);
    const reply = '550-5.1.1 no such user\r\n550 5.1.1 really not';
    const trouble = { code: 'reply.unknown-user', cause: 'The mailbox does not exist.' };
    await test.spool.settle({
      messageId: id,
      attempt: testAttempt(test.clock.now()),
      recipients: [
        { recipientId: a ?? 0, state: 'delivered', reply: '250 2.6.0 queued' },
        { recipientId: b ?? 0, state: 'failed', ...trouble, reply },
      ],
    });
    const detail = await test.spool.show(id);
    expect(detail?.recipients).toMatchObject([
      { state: 'delivered', tries: 1, code: null, nextAttemptAt: null },
      { state: 'failed', tries: 1, ...trouble, nextAttemptAt: null },
    ]);
    expect(detail?.attempts).toMatchObject([
      {
        routeId: 'mailbox',
        host: 'smtp.office365.com',
        tls: { protocol: 'TLSv1.3' },
        results: [
          { address: 'a@contoso.com', state: 'delivered', reply: '250 2.6.0 queued' },
          { address: 'b@contoso.com', state: 'failed', reply, ...trouble },
        ],
      },
    ]);
    expect(detail?.events.map(({ type }) => type)).toEqual([
      'message.accepted',
      'message.delivered',
      'message.failed',
    ]);
    expect(detail?.hasBody).toBe(true);
  });

  test('puts off until the next time, rounded up, and counts the try', async () => {
    const clock = createFakeClock();
    const test = await open({ clock });
    await messageIn(test, 'deferred');
    const due = clock.now() + 60_001;
    expect(await test.spool.nextDueAt(ALL)).toBe(due);
    expect(await test.spool.claimDue(due - 1, ALL, 10)).toEqual([]);
    const [claim] = await test.spool.claimDue(due, ALL, 10);
    expect(claim?.recipients[0]?.tries).toBe(1);
  });

  test('of a route fault records the attempt and leaves the recipients as they were', async () => {
    const test = await open();
    const { id } = await acceptTestMessage(test);
    const { recipients } = await claimOne(test);
    const why = { code: 'reply.banned', cause: 'Microsoft has banned the sender.', reply: '550 5.7.501 no' };
    const fault = { recipientIds: recipients.map((one) => one.id), ...why };
    const attempt = { ...testAttempt(test.clock.now()), fault };
    const told = new Promise<void>((resolve) => test.spool.onChange(resolve));
    await test.spool.settle({ messageId: id, attempt, recipients: [] });
    await told;
    const shown = await test.spool.show(id);
    expect(shown?.attempts).toHaveLength(1);
    expect(shown?.attempts[0]?.results).toEqual([
      { address: recipients[0]?.address, state: 'queued', ...why, uncertain: false },
    ]);
    expect(shown?.recipients[0]).toMatchObject({ state: 'queued', tries: 0, code: null, cause: null });
    expect(shown?.events.at(-1)).toMatchObject({
      type: 'route.failed',
      data: { route: attempt.routeId, message: id, code: why.code, cause: why.cause },
    });
    expect((await claimOne(test)).recipients[0]?.tries).toBe(0);
  });

  test('erases the body once everybody is delivered or cancelled, and not before', async () => {
    const test = await open();
    const { id } = await acceptTestMessage(test, { recipients: ['a@contoso.com', 'b@fabrikam.com'] });
    for (const [domain, hasBody] of [
      ['contoso.com', true],
      ['fabrikam.com', false],
    ] as const) {
      const filter = { kind: 'only' as const, domains: [domain] };
      const [claim] = await test.spool.claimDue(test.clock.now(), filter, 1);
      if (claim) await deliver(test, claim);
      expect((await test.spool.show(id))?.hasBody).toBe(hasBody);
    }
    expect((await test.spool.stats()).bodyBytes).toBe(0);
    await expect(test.spool.openBody(id)).rejects.toMatchObject({
      explanation: { code: 'spool.body-erased' },
    });
  });

  test('for a recipient of another message changes nothing', async () => {
    const test = await open();
    const { id } = await acceptTestMessage(test);
    const { recipients } = await claimOne(test);
    const wrong = (recipients[0]?.id ?? 0) + 65_536;
    const settlement = {
      messageId: id,
      attempt: testAttempt(test.clock.now()),
      recipients: [...recipients.map((recipient) => recipient.id), wrong].map((recipientId) => ({
        recipientId,
        state: 'delivered' as const,
        reply: '250 OK',
      })),
    };
    await expect(test.spool.settle(settlement)).rejects.toThrow('is not one of message');
    expect(await stateOf(test, id)).toBe('sending');
    expect((await test.spool.show(id))?.attempts).toEqual([]);
  });

  test.each(['held', 'failed', 'delivered', 'cancelled'] as const)(
    'is refused for a recipient that is %s',
    async (state) => {
      const test = await open();
      const id = await messageIn(test, state);
      const recipientId = (await test.spool.show(id))?.recipients[0]?.id ?? 0;
      const again = test.spool.settle({
        messageId: id,
        attempt: testAttempt(test.clock.now()),
        recipients: [{ recipientId, state: 'delivered', reply: '250 OK' }],
      });
      await expect(again).rejects.toThrow(`is ${state}, not being sent`);
    },
  );
});

describe('an operator', () => {
  /** Which state each action leads to, from each state; null where it does not apply. */
  const TABLE: Record<OperatorAction, Record<RecipientState, RecipientState | null>> = {
    retry: {
      queued: null,
      sending: null,
      deferred: 'queued',
      held: null,
      delivered: null,
      failed: 'queued',
      cancelled: null,
    },
    hold: {
      queued: 'held',
      sending: null,
      deferred: 'held',
      held: null,
      delivered: null,
      failed: null,
      cancelled: null,
    },
    release: {
      queued: null,
      sending: null,
      deferred: null,
      held: 'queued',
      delivered: null,
      failed: null,
      cancelled: null,
    },
    cancel: {
      queued: 'cancelled',
      sending: null,
      deferred: 'cancelled',
      held: 'cancelled',
      delivered: null,
      failed: 'cancelled',
      cancelled: null,
    },
  };
  const rows = Object.entries(TABLE).flatMap(([action, states]) =>
    Object.entries(states).map(([from, to]) => [action, from, to] as const),
  );

  test.each(rows)('asking to %s one that is %s gets %s', async (action, from, to) => {
    const test = await open();
    const id = await messageIn(test, from as RecipientState);
    const result = await test.spool.act(action as OperatorAction, { ids: [id] }, 'cli');
    expect(result).toEqual(to === null ? { changed: 0, skipped: 1 } : { changed: 1, skipped: 0 });
    expect(await stateOf(test, id)).toBe(to ?? from);
    const hasBody = (await test.spool.show(id))?.hasBody;
    expect(hasBody).toBe(!['delivered', 'cancelled'].includes(to ?? from));
    if (to === 'queued') expect((await claimOne(test)).recipients[0]?.tries).toBe(0);
  });

  test('who names no message changes whatever fits the filter, and the history is left alone', async () => {
    const test = await open();
    await messageIn(test, 'delivered');
    const other = await acceptTestMessage(test, { sender: 'other@contoso.com' });
    const mine = await acceptTestMessage(test, { recipients: ['A@contoso.com', 'b@contoso.com'] });
    const result = await test.spool.act('hold', { recipient: 'a@CONTOSO.com' }, 'cli');
    expect(result).toEqual({ changed: 1, skipped: 0 });
    expect((await test.spool.show(mine.id))?.recipients.map(({ state }) => state)).toEqual([
      'held',
      'queued',
    ]);
    expect(await stateOf(test, other.id)).toBe('queued');
    expect(await test.spool.act('cancel', {}, 'cli')).toEqual({ changed: 3, skipped: 0 });
  });

  test('changes more messages than fit one batch', async () => {
    const test = await open();
    await Promise.all(Array.from({ length: 520 }, () => acceptTestMessage(test)));
    expect(await test.spool.act('hold', {}, 'cli')).toEqual({ changed: 520, skipped: 0 });
    expect((await test.spool.stats()).recipients).toMatchObject({ queued: 0, held: 520 });
  });
});

describe('a list', () => {
  test('shows the newest first, page by page', async () => {
    const clock = createFakeClock();
    const test = await open({ clock });
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) {
      ids.unshift((await acceptTestMessage(test)).id);
      await clock.advance(10);
    }
    const first = await test.spool.list({}, { limit: 2, before: null });
    expect(first.map(({ head }) => head.id)).toEqual(ids.slice(0, 2));
    const rest = await test.spool.list({}, { limit: 10, before: first.at(-1)?.head.id ?? null });
    expect(rest.map(({ head }) => head.id)).toEqual(ids.slice(2));
  });

  test('holds what fits every given field', async () => {
    const clock = createFakeClock();
    const test = await open({ clock });
    const old = await acceptTestMessage(test);
    await clock.advance(1000);
    const { id } = await acceptTestMessage(test, { sender: 'Other@contoso.com' });
    const found = async (filter: Parameters<typeof test.spool.list>[0]) =>
      (await test.spool.list(filter, NEWEST)).map(({ head }) => head.id);
    expect(await found({ sender: 'other@contoso.com' })).toEqual([id]);
    expect(await found({ since: clock.now() })).toEqual([id]);
    expect(await found({ ids: [old.id] })).toEqual([old.id]);
    expect(await found({ device: 'copier-2f', recipient: 'ann@contoso.com' })).toEqual([id, old.id]);
    expect(await found({ device: 'another' })).toEqual([]);
    expect(await found({ states: ['delivered'] })).toEqual([]);
    expect(await found({ states: ['queued', 'delivered'] })).toEqual([id, old.id]);
  });
});

/** The event table as an outbox, the calls that tell of news, and the facts of other rooms. */
import { describe, expect, test } from 'vitest';
import { createFakeClock } from '../support/fake-clock.ts';
import { acceptTestMessage } from '../support/spool.ts';
import { ALL, claimOne, deliver, spoolsOfThisFile } from './open-spools.ts';

const open = spoolsOfThisFile();

describe('events', () => {
  test('are numbered in order and read from a cursor', async () => {
    const test = await open();
    for (let count = 1; count <= 5; count++) {
      await test.spool.record({ type: 'clock.unset', data: { now: count } });
    }
    const first = await test.spool.events(0, 2);
    const rest = await test.spool.events(first.at(-1)?.seq ?? 0, 10);
    expect([...first, ...rest].map(({ seq, data }) => [seq, data])).toEqual(
      [1, 2, 3, 4, 5].map((count) => [count, { now: count }]),
    );
  });

  test('go on from the last number after a restart, and tell when the box was last awake', async () => {
    const clock = createFakeClock();
    const first = await open({ clock });
    await first.spool.record({ type: 'agent.started', data: { version: '1.0.0' } });
    expect(first.started.latestEventAt).toBeNull();
    await first.spool.stop();
    const second = await open({ directory: first.directory, key: first.key });
    expect(second.started.latestEventAt).toBe(clock.now());
    await second.spool.record({ type: 'agent.started', data: { version: '1.0.1' } });
    expect((await second.spool.events(1, 10)).map(({ seq }) => seq)).toEqual([2]);
  });

  test('still tell when the box was last awake after a start with its clock behind', async () => {
    const clock = createFakeClock();
    const first = await open({ clock });
    const awakeAt = clock.now();
    await first.spool.record({ type: 'agent.started', data: { version: '1.0.0' } });
    await first.spool.stop();
    clock.setWallClock(0);
    const behind = await open({ directory: first.directory, key: first.key, clock });
    await behind.spool.record({ type: 'agent.started', data: { version: '1.0.0' } });
    await behind.spool.stop();
    const third = await open({ directory: first.directory, key: first.key, clock });
    expect(third.started.latestEventAt).toBe(awakeAt);
  });
});

describe('troubles', () => {
  test('are the events that a person may have to act on, from a cursor, and no others', async () => {
    const test = await open();
    await acceptTestMessage(test);
    await deliver(test, await claimOne(test));
    const held = await acceptTestMessage(test, { held: { code: 'test.held', cause: 'Held.' } });
    const pause = { route: 'direct', code: 'x', cause: 'x', advice: 'x', until: 0, needsPerson: true };
    await test.spool.record({ type: 'route.paused', data: pause });
    await test.spool.record({ type: 'route.resumed', data: { route: 'direct', pausedMs: 1, by: 'probe' } });
    const found = await test.spool.troubles(0, 10);
    expect(found.map(({ type }) => type)).toEqual(['message.accepted', 'route.paused']);
    expect(found[0]?.data).toMatchObject({ message: held.id, held: 'test.held' });
    expect(await test.spool.troubles(found[0]?.seq ?? 0, 10)).toEqual(found.slice(1));
    expect(await test.spool.troubles(0, 1)).toEqual(found.slice(0, 1));
  });
});

describe('who listens for changes', () => {
  test('hears of accepted and settled messages, until it unsubscribes', async () => {
    const test = await open();
    let calls = 0;
    const unsubscribe = test.spool.onChange(() => calls++);
    await acceptTestMessage(test);
    expect(calls).toBe(1);
    await deliver(test, await claimOne(test));
    expect(calls).toBe(2);
    unsubscribe();
    await acceptTestMessage(test);
    expect(calls).toBe(2);
  });

  test('hears of a claim that was given back, and not of facts', async () => {
    const test = await open();
    const { id } = await acceptTestMessage(test);
    let calls = 0;
    test.spool.onChange(() => calls++);
    await test.spool.putFact('room', 'key', 1);
    await test.spool.claimDue(test.clock.now(), ALL, 1);
    expect(calls).toBe(0);
    await test.spool.unclaim(id);
    expect(calls).toBe(1);
  });
});

describe('facts', () => {
  test('are kept by room and key, replaced, removed, and outlive a restart', async () => {
    const first = await open();
    await first.spool.putFact('intake', '192.168.50.21', { mode: 'implicit' });
    await first.spool.putFact('intake', 'other', [1, null, 'x']);
    await first.spool.putFact('intake', 'other', 'replaced');
    await first.spool.putFact('routes', 'token', 'sealed');
    await first.spool.deleteFact('routes', 'token');
    await first.spool.stop();
    const second = await open({ directory: first.directory, key: first.key });
    expect(await second.spool.getFacts('intake')).toEqual(
      new Map<string, unknown>([
        ['192.168.50.21', { mode: 'implicit' }],
        ['other', 'replaced'],
      ]),
    );
    expect(await second.spool.getFacts('routes')).toEqual(new Map());
  });

  test('may be written with a message, in the same commit or not at all', async () => {
    const test = await open();
    const first = { room: 'notices', key: 'state', value: 1 };
    const { id } = await acceptTestMessage(test, { origin: 'notice', fact: first });
    expect((await test.spool.show(id))?.head.origin).toBe('notice');
    expect(await test.spool.getFacts('notices')).toEqual(new Map([['state', 1]]));
    await expect(acceptTestMessage(test, { id, fact: { ...first, value: 2 } })).rejects.toThrow('UNIQUE');
    expect(await test.spool.getFacts('notices')).toEqual(new Map([['state', 1]]));
  });

  test('that are not JSON or too large are refused', async () => {
    const test = await open();
    await expect(test.spool.putFact('room', 'key', undefined)).rejects.toThrow('not a JSON value');
    await expect(test.spool.putFact('room', 'key', 'x'.repeat(300_000))).rejects.toThrow('too large');
  });
});

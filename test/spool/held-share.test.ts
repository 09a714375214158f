/** Held bodies have a share of the quota: beyond it no more is held, and the mail of known devices goes on. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { spoolSettings } from '../../src/spool/settings.ts';
import { STORAGE } from '../../src/spool/storage.ts';
import type { NewMessage } from '../../src/spool/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { acceptTestMessage, openTestSpool, type TestSpool, testMessage } from '../support/spool.ts';
import { claimOne, deliver, spoolsOfThisFile, testAttempt } from './open-spools.ts';

const open = spoolsOfThisFile();
const KIB = 1024;
const MIB = 1024 * KIB;
const HELD: Partial<NewMessage> = { held: { code: 'intake.device-held', cause: 'Waits for approval.' } };
const TWO: Partial<NewMessage> = { recipients: ['ann@contoso.com', 'bob@contoso.com'] };
const REFUSED = { name: 'SpoolRefusal', reason: 'held-quota' };

const heldBytes = async ({ spool }: TestSpool) => (await spool.stats()).heldBytes;

describe('a full share', () => {
  test('refuses what would be held, before its body comes, and takes everything else', async () => {
    const test = await open({ settings: { maxBytes: 2 * MIB } });
    await acceptTestMessage(test, HELD, randomBytes(MIB));
    await acceptTestMessage(test, HELD, '');
    await expect(acceptTestMessage(test, HELD, 'x')).rejects.toMatchObject(REFUSED);
    await acceptTestMessage(test, {}, randomBytes(0.9 * MIB));
    expect(await test.spool.stats()).toMatchObject({ heldBytes: MIB, recipients: { held: 2, queued: 1 } });
  });

  test('is known with the first chunk once it is exceeded', async () => {
    const test = await open({ settings: { maxBytes: 2 * MIB } });
    const { id } = await acceptTestMessage(test, {}, randomBytes(1.5 * MIB));
    await test.spool.act('hold', { ids: [id] }, 'cli');
    const held = await test.spool.receive({ isHeld: true });
    await held.write(Buffer.alloc(STORAGE.chunkBytes + 1));
    await expect(held.write(Buffer.alloc(3 * STORAGE.chunkBytes))).rejects.toMatchObject(REFUSED);
    const other = await test.spool.receive();
    await other.write(Buffer.alloc(STORAGE.chunkBytes + 1));
    await other.commit(testMessage(test.clock));
  });

  test('counts what is on its way in, until it is given up', async () => {
    const test = await open({ settings: { maxBytes: 2 * MIB } });
    const first = await test.spool.receive({ isHeld: true });
    await first.write(randomBytes(0.8 * MIB));
    const second = await test.spool.receive({ isHeld: true });
    await second.write(randomBytes(0.4 * MIB));
    await expect(second.commit(testMessage(test.clock, HELD))).rejects.toMatchObject(REFUSED);
    await first.abort();
    await acceptTestMessage(test, HELD, randomBytes(0.4 * MIB));
  });

  test('refuses a message that turns out to be held only at its end, and keeps nothing of it', async () => {
    const test = await open({ settings: { maxBytes: 2 * MIB } });
    const unfinished = await test.spool.receive();
    await unfinished.write(randomBytes(1.2 * MIB));
    await expect(unfinished.commit(testMessage(test.clock, HELD))).rejects.toMatchObject(REFUSED);
    expect(await test.spool.stats()).toMatchObject({ bodyBytes: 0, heldBytes: 0, recipients: { held: 0 } });
    await acceptTestMessage(test, {}, randomBytes(1.8 * MIB));
  });

  test('grows with the quota', async () => {
    const test = await open({ settings: { maxBytes: MIB } });
    await expect(acceptTestMessage(test, HELD, randomBytes(MIB))).rejects.toMatchObject(REFUSED);
    await test.spool.configure({ ...spoolSettings().parse({}), minFreeBytes: 0, maxBytes: 4 * MIB });
    await acceptTestMessage(test, HELD, randomBytes(MIB));
  });
});

describe('the bytes of held bodies', () => {
  test.each(['release', 'cancel'] as const)('end with the %s of the last recipient', async (action) => {
    const test = await open();
    const { id } = await acceptTestMessage(test, { ...HELD, ...TWO }, randomBytes(KIB));
    await test.spool.act(action, { ids: [id], recipient: 'ann@contoso.com' }, 'cli');
    expect(await heldBytes(test)).toBe(KIB);
    await test.spool.act(action, { ids: [id] }, 'cli');
    expect(await heldBytes(test)).toBe(0);
  });

  test('begin with the first recipient that a route holds', async () => {
    const test = await open();
    await acceptTestMessage(test, TWO, randomBytes(KIB));
    const claim = await claimOne(test);
    const why = { code: 'x', cause: 'y', reply: null };
    const [first, second] = claim.recipients.map(({ id }) => id);
    if (first === undefined || second === undefined) throw new Error('expected two recipients');
    await test.spool.settle({
      messageId: claim.head.id,
      attempt: testAttempt(test.clock.now()),
      recipients: [
        { recipientId: first, state: 'delivered', reply: '250 OK' },
        { recipientId: second, state: 'held', ...why },
      ],
    });
    expect(await heldBytes(test)).toBe(KIB);
    await test.spool.act('release', {}, 'cli');
    expect(await heldBytes(test)).toBe(0);
    await deliver(test, await claimOne(test));
    expect(await test.spool.stats()).toMatchObject({ heldBytes: 0, bodyBytes: 0 });
  });

  test('end when nobody decides for long', async () => {
    const clock = createFakeClock();
    const test = await open({ clock });
    await acceptTestMessage(test, HELD, randomBytes(KIB));
    expect(await heldBytes(test)).toBe(KIB);
    clock.setWallClock(clock.now() + 15 * 24 * 3600 * 1000);
    // The round at the start is over when the timer of the next one waits.
    while (clock.pendingTimers() === 0) await test.spool.stats();
    await clock.advance(LIMITS.spoolHousekeepingMs);
    while (clock.pendingTimers() === 0) await test.spool.stats();
    expect(await test.spool.stats()).toMatchObject({ heldBytes: 0, bodyBytes: 0 });
  });

  test('are the same when counted anew at the next start, whatever operators did', async () => {
    const seed = seedFromEnvironment();
    console.log(`SEED=${seed}`);
    const random = createRandom(seed);
    const oneOf = <T>(list: readonly [T, ...T[]]): T => list[Math.floor(random() * list.length)] ?? list[0];
    const test = await open();
    const ids: [string, ...string[]] = [(await acceptTestMessage(test, HELD)).id];
    for (let step = 0; step < 60; step++) {
      const message = { ...oneOf([HELD, {}]), ...oneOf([TWO, {}]) };
      ids.push((await acceptTestMessage(test, message, randomBytes(oneOf([1, 500, 70_000])))).id);
      const action = oneOf(['hold', 'release', 'cancel', 'retry'] as const);
      const recipient = oneOf([{}, { recipient: 'ann@contoso.com' }]);
      await test.spool.act(action, { ids: [oneOf(ids)], ...recipient }, 'cli');
    }
    const before = await test.spool.stats();
    await test.spool.stop();
    const again = await openTestSpool({ directory: test.directory, key: test.key });
    try {
      expect(await heldBytes(again)).toBe(before.heldBytes);
      expect(before.heldBytes).toBeGreaterThan(0);
    } finally {
      await again.close();
    }
  });
});

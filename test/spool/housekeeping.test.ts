/** What is old goes by itself: bodies nobody asked for, history, events. */
import { describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { acceptTestMessage, type TestSpool } from '../support/spool.ts';
import { claimOne, deliver, spoolsOfThisFile } from './open-spools.ts';
import { pass } from './pass-time.ts';

const open = spoolsOfThisFile();
const HELD = { code: 'device.unknown', cause: 'Nobody has approved this device.' };

async function openWithClock(settings = {}): Promise<{ test: TestSpool; clock: FakeClock }> {
  const clock = createFakeClock();
  const test = await open({ clock, settings: { historyDays: 30, failedKeepDays: 7, ...settings } });
  return { test, clock };
}

describe('housekeeping', () => {
  test('removes delivered messages and their events when history ends, not before', async () => {
    const { test, clock } = await openWithClock();
    const { id } = await acceptTestMessage(test);
    await deliver(test, await claimOne(test));
    await pass(test, clock, 29);
    expect(await test.spool.show(id)).not.toBeNull();
    await pass(test, clock, 1);
    expect(await test.spool.show(id)).toBeNull();
    // The newest event stays, so that numbering goes on.
    expect((await test.spool.events(0, 10)).map(({ seq }) => seq)).toEqual([2]);
    await test.spool.record({ type: 'agent.stopped', data: { clean: true } });
    expect((await test.spool.events(0, 10)).map(({ seq }) => seq)).toEqual([2, 3]);
    expect((await test.spool.stats()).recipients.delivered).toBe(0);
  });

  test('erases the body of a held message that nobody released, and fails it with the reason', async () => {
    const { test, clock } = await openWithClock();
    const { id } = await acceptTestMessage(test, { held: HELD });
    await pass(test, clock, 6);
    expect((await test.spool.show(id))?.hasBody).toBe(true);
    await pass(test, clock, 1);
    const detail = await test.spool.show(id);
    expect(detail).toMatchObject({
      hasBody: false,
      recipients: [{ state: 'failed', code: 'spool.hold-expired' }],
    });
    expect(detail?.events.at(-1)).toMatchObject({
      type: 'message.failed',
      data: { code: 'spool.hold-expired', recipient: 'ann@contoso.com' },
    });
    expect((await test.spool.stats()).bodyBytes).toBe(0);
    expect(await test.spool.act('retry', { ids: [id] }, 'cli')).toEqual({ changed: 0, skipped: 1 });
    await pass(test, clock, 31);
    expect(await test.spool.show(id)).toBeNull();
  });

  test('leaves what is waiting for delivery alone, however old', async () => {
    const { test, clock } = await openWithClock();
    const { id } = await acceptTestMessage(test);
    await pass(test, clock, 400);
    expect(await test.spool.show(id)).toMatchObject({ hasBody: true, recipients: [{ state: 'queued' }] });
  });

  test('goes through more messages than one slice holds', async () => {
    const { test, clock } = await openWithClock();
    await Promise.all(Array.from({ length: 1100 }, () => acceptTestMessage(test)));
    await test.spool.act('cancel', {}, 'cli');
    await pass(test, clock, 31);
    expect(await test.spool.list({}, { limit: 10, before: null })).toEqual([]);
    expect((await test.spool.stats()).recipients.cancelled).toBe(0);
    expect(await test.spool.events(0, 10_000)).toHaveLength(1);
  });
});

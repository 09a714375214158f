/** A backlog after an outage: it drains at exactly the allowed rate, and every device gets its turn. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, type DispatchBench, startDispatch } from './bench.ts';
import { createScriptedRoute, type ScriptedRoute } from './scripted-route.ts';

const MINUTE = 60_000;
const RATE = 30;

let clock: FakeClock;
let test: TestSpool;
let bench: DispatchBench | null = null;

beforeEach(async () => {
  clock = createFakeClock();
  test = await openTestSpool({ clock });
});

afterEach(async () => {
  await bench?.stop();
  bench = null;
  await test.close();
});

/** Hands in `count` messages, many at once as a commit is shared. */
async function flood(count: number, device: (index: number) => string): Promise<void> {
  const BATCH = 500;
  for (let first = 0; first < count; first += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - first) }, (_, place) =>
      accept(test.spool, clock, { device: device(first + place), body: 'Subject: scan\r\n\r\n' }),
    );
    await Promise.all(batch);
  }
}

async function start(mailbox: ScriptedRoute): Promise<DispatchBench> {
  bench = await startDispatch(clock, test.spool, { routes: [mailbox], routing: [{ use: ['mailbox'] }] });
  return bench;
}

/** The most starts in any window of a minute that is open at its end. */
function mostInAMinute(times: readonly number[]): number {
  return Math.max(
    ...times.map((from, i) => times.slice(i, i + 2 * RATE).filter((at) => at < from + MINUTE).length),
  );
}

describe('a backlog', () => {
  it('of 10,000 messages drains at 30 a minute: no burst, and no slower', async () => {
    const COUNT = 10_000;
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      limits: { messagesPerMinute: RATE, connections: 3, recipientsPerDay: COUNT },
    });
    await flood(COUNT, (index) => `copier-${index % 20}`);
    const { pass } = await start(mailbox);
    const minutes = Math.ceil(COUNT / RATE) - 1;
    await pass(minutes * MINUTE, 5000);

    const times = mailbox.asked.map(({ at }) => at);
    expect(times.length).toBe(COUNT);
    expect(mostInAMinute(times)).toBe(RATE);
    expect(times.at(-1)).toBe(minutes * MINUTE);
    expect(new Set(mailbox.asked.map(({ message }) => message.head.id)).size).toBe(COUNT);
    const { recipients } = await test.spool.stats();
    expect(recipients).toMatchObject({ delivered: COUNT, queued: 0, deferred: 0 });
    // Takes 8 s alone, and far longer beside a full test run on a small machine.
  }, 300_000);

  it('never sends more in a minute while deliveries take their time', async () => {
    const mailbox = createScriptedRoute({
      id: 'mailbox',
      clock,
      limits: { messagesPerMinute: RATE, connections: 3 },
    });
    const { answer } = mailbox;
    mailbox.answer = async (message, signal) => {
      await new Promise<void>((resolve) => clock.schedule(2000, resolve));
      return answer(message, signal);
    };
    await flood(200, () => 'copier-2f');
    const { pass } = await start(mailbox);
    await pass(7 * MINUTE, 500);
    expect(mailbox.asked.length).toBe(200);
    expect(mostInAMinute(mailbox.asked.map(({ at }) => at))).toBe(RATE);
  });

  it('of one device does not keep another waiting: its message goes with the next ones', async () => {
    const mailbox = createScriptedRoute({ id: 'mailbox', clock, limits: { messagesPerMinute: RATE } });
    await flood(1000, () => 'copier-2f');
    const { pass } = await start(mailbox);
    expect(mailbox.asked.length).toBe(RATE);
    const late = await accept(test.spool, clock, { device: 'scanner-3f' });
    await pass(MINUTE);
    const place = mailbox.asked.findIndex(({ message }) => message.head.id === late);
    expect(place).toBeGreaterThanOrEqual(RATE);
    expect(place).toBeLessThan(RATE + 2);
  });
});

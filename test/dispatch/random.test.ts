/** Random outcomes, faults, exceptions and restarts: no recipient is lost and none is delivered twice. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DeliveryReport } from '../../src/core/outcome.ts';
import type { OutgoingMessage } from '../../src/routes/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { accept, startDispatch } from './bench.ts';
import { createScriptedRoute, faultReport, outcomes, reportOf } from './scripted-route.ts';

const MINUTE = 60_000;
const DOMAINS = ['contoso.com', 'fabrikam.com', 'example.com'];
const MESSAGES = 60;

let clock: FakeClock;
let test: TestSpool;

beforeEach(async () => {
  clock = createFakeClock();
  test = await openTestSpool({ clock });
});

afterEach(() => test.close());

it('delivers every recipient exactly once, whatever the routes do and however often dispatch restarts', async () => {
  const seed = seedFromEnvironment();
  const random = createRandom(seed);
  const arrived = new Map<string, number>();

  function arrive(message: OutgoingMessage, address: string): DeliveryReport['results'][number] {
    const key = `${message.head.id} ${address}`;
    arrived.set(key, (arrived.get(key) ?? 0) + 1);
    return { address, outcome: outcomes.delivered };
  }

  async function answer(message: OutgoingMessage, signal: AbortSignal): Promise<DeliveryReport> {
    await new Promise<void>((resolve) => {
      const timer = clock.schedule(random() * 20_000, resolve);
      signal.addEventListener('abort', () => {
        timer.cancel();
        resolve();
      });
    });
    if (signal.aborted) return { ...reportOf(message, outcomes.retry), results: [] };
    const roll = random();
    if (roll < 0.05) throw new Error('a bug');
    const fault = roll < 0.15 ? faultReport().fault : null;
    const results = message.recipients.flatMap((address) => {
      if (random() < 0.6) return [arrive(message, address)];
      return fault ? [] : [{ address, outcome: outcomes.retry }];
    });
    return { upstream: null, results, fault };
  }

  const limits = { recipientsPerMessage: 2, connections: 2, messagesPerMinute: 20 };
  const routes = [
    createScriptedRoute({ id: 'direct', clock, limits, answer, domains: ['contoso.com'] }),
    createScriptedRoute({ id: 'mailbox', clock, limits, answer }),
    createScriptedRoute({ id: 'spare', clock, limits: { ...limits, recipientsPerDay: 10 }, answer }),
  ];
  const routing = [
    { recipients: ['contoso.com'], use: ['direct', 'mailbox'] },
    { use: ['mailbox', 'spare'] },
  ];
  const expected: string[] = [];
  const startBench = () => startDispatch(clock, test.spool, { routes, routing, random });
  let bench = await startBench();
  for (let i = 0; i < MESSAGES; i++) {
    const count = 1 + Math.floor(random() * 5);
    const domain = () => DOMAINS[Math.floor(random() * DOMAINS.length)];
    const recipients = Array.from({ length: count }, (_, n) => `r${n}@${domain()}`);
    const id = await accept(test.spool, clock, { recipients });
    expected.push(...recipients.map((address) => `${id} ${address}`));
    if (random() < 0.3) await bench.pass(random() * MINUTE, 5000);
    if (random() > 0.1) continue;
    await bench.stop();
    bench = await startBench();
  }
  for (let hours = 0; hours < 90 && arrived.size < expected.length; hours++) {
    await bench.pass(60 * MINUTE, MINUTE);
  }
  await bench.stop();

  const { recipients } = await test.spool.stats();
  expect(recipients, `seed ${seed}`).toMatchObject({
    delivered: expected.length,
    queued: 0,
    failed: 0,
    held: 0,
  });
  expect([...arrived.keys()].sort(), `seed ${seed}`).toEqual(expected.sort());
  expect(
    [...arrived.values()].every((times) => times === 1),
    `seed ${seed}`,
  ).toBe(true);
  expect(
    routes.every((route) => route.mostAtOnce() <= limits.connections),
    `seed ${seed}`,
  ).toBe(true);
});

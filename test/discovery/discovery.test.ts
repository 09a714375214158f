/** The search in the running agent: what it may ask, one at a time, on a schedule, and what it keeps. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, createSystemClock } from '../../src/core/clock.ts';
import type { NewEvent } from '../../src/core/events.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { createDiscovery, networksOf } from '../../src/discovery/discovery.ts';
import { createJudge } from '../../src/discovery/judge.ts';
import type { Discovery, DiscoveryInForce, DiscoveryStep } from '../../src/discovery/types.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { freePort } from '../support/processes.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { type SnmpAgent, startSnmpAgent } from './snmp-agent.ts';

const ADDRESS = '127.0.8.1';
const IN_FORCE: DiscoveryInForce = {
  networks: [`${ADDRESS}/32`],
  everyHours: null,
  community: null,
  questionsPerSecond: 1000,
};

let agent: SnmpAgent;
let ports: { snmp: number; ipp: number; http: number; https: number; mdns: number };
let facts: Map<string, unknown>;
let writes: number;
let events: NewEvent[];
/** Resolves with the first event that is recorded. */
let recorded: PromiseWithResolvers<NewEvent>;
beforeEach(async () => {
  const snmp = await freePort();
  // Nobody listens at the other ports.
  const silent = await freePort();
  ports = { snmp, ipp: silent, http: silent, https: silent, mdns: silent };
  agent = await startSnmpAgent({
    ...{ address: ADDRESS, port: snmp, objectId: '1.3.6.1.4.1.2385.3.1.112.1.2' },
    values: { '1.3.6.1.2.1.1.1.0': 'SHARP MX-3570N' },
  });
  facts = new Map();
  writes = 0;
  events = [];
  recorded = Promise.withResolvers();
});
afterEach(() => agent.close());

function start(inForce: Partial<DiscoveryInForce> = {}, clock: Clock = createSystemClock(0)): Discovery {
  return createDiscovery({
    ...{ clock, ports, log: createQuietLog(), inForce: { ...IN_FORCE, ...inForce } },
    judge: createJudge(builtInCatalogue()),
    seen: async () => [{ address: ADDRESS, ehlo: 'copier' }],
    configuredAs: (address) => (address === ADDRESS ? 'copier-2f' : null),
    store: {
      load: async () => new Map(facts),
      async put(key, value) {
        writes += 1;
        facts.set(key, structuredClone(value));
      },
      async delete(key) {
        facts.delete(key);
      },
    },
    async record(event) {
      events.push(event);
      recorded.resolve(event);
    },
  });
}

async function all(steps: AsyncIterable<DiscoveryStep>): Promise<DiscoveryStep[]> {
  const found: DiscoveryStep[] = [];
  for await (const step of steps) found.push(step);
  return found;
}

const signal = new AbortController().signal;

describe('a search', () => {
  test('tells each device as it is found, keeps it, and records it once', async () => {
    const discovery = start();
    await discovery.start();
    const steps = await all(discovery.discover({ signal }));
    expect(steps).toMatchObject([
      { step: 'found', device: { address: ADDRESS, profile: 'sharp/mx', configuredAs: 'copier-2f' } },
      { step: 'progress', asked: 1, of: 1 },
      { step: 'done', asked: 1, answered: 1, devices: 1, isComplete: true },
    ]);
    await all(discovery.discover({ signal }));
    expect(events).toMatchObject([
      { type: 'device.discovered', data: { address: ADDRESS, model: 'MX-3570N' } },
    ]);
    expect(discovery.found()).toMatchObject([
      { device: { profile: 'sharp/mx' }, lastFoundAt: expect.any(Number) },
    ]);
    // The second search found nothing that a person would call a change: nothing is written for it.
    expect(writes).toBe(1);
    await discovery.stop();

    const next = start();
    await next.start();
    expect(next.found()).toMatchObject([
      { device: { address: ADDRESS, profile: 'sharp/mx' }, lastFoundAt: null },
    ]);
    await next.stop();
  });

  test('is the only one: a second is refused while it goes on, and may come after', async () => {
    const discovery = start();
    const first = discovery.discover({ signal })[Symbol.asyncIterator]();
    await first.next();
    await expect(all(discovery.discover({ signal }))).rejects.toMatchObject({
      explanation: { code: 'discovery.busy' },
    });
    await first.return?.();
    expect(await all(discovery.discover({ signal }))).toHaveLength(3);
    await discovery.stop();
  });

  test('ends when the agent stops, and says that it is not whole', async () => {
    const discovery = start({ networks: ['127.0.9.0/24'], questionsPerSecond: 1 });
    const steps = all(discovery.discover({ signal }));
    await discovery.stop();
    expect((await steps).at(-1)).toMatchObject({ step: 'done', isComplete: false });
  });
});

describe('the schedule', () => {
  test('searches by itself a while after the start, again after its hours, and not once it is switched off', async () => {
    const timers: { delayMs: number; fn: () => void; isCancelled: boolean }[] = [];
    const real = createSystemClock(0);
    const clock: Clock = {
      ...real,
      schedule(delayMs, fn) {
        if (delayMs < LIMITS.discoveryFirstDelayMs) return real.schedule(delayMs, fn);
        const timer = { delayMs, fn, isCancelled: false };
        timers.push(timer);
        return {
          cancel() {
            timer.isCancelled = true;
          },
        };
      },
    };
    const discovery = start({ everyHours: 24 }, clock);
    await discovery.start();
    const waiting = () =>
      timers.filter(({ delayMs, isCancelled }) => !isCancelled && delayMs < LIMITS.discoverySearchMaxMs);
    expect(waiting()).toMatchObject([{ delayMs: LIMITS.discoveryFirstDelayMs }]);
    const [first] = waiting();
    const asked = agent.questions();
    first?.fn();
    expect(await recorded.promise).toMatchObject({ type: 'device.discovered' });
    expect(discovery.found()).toHaveLength(1);
    expect(agent.questions()).toBeGreaterThan(asked);
    expect(timers.some(({ delayMs, isCancelled }) => delayMs === 24 * 3_600_000 && !isCancelled)).toBe(true);
    discovery.replace({ ...IN_FORCE, everyHours: null });
    expect(
      timers.filter(({ delayMs }) => delayMs === 24 * 3_600_000).every(({ isCancelled }) => isCancelled),
    ).toBe(true);
    await discovery.stop();
  });
});

describe('only the configured networks are asked', () => {
  test.each([
    ['192.168.50.0/24', ['192.168.50.0/24'], null],
    ['192.168.50.16/28', ['192.168.50.0/24'], null],
    ['192.168.50.21', ['10.0.0.0/8', '192.168.50.0/24'], null],
    ['192.168.0.0/16', ['192.168.50.0/24'], 'discovery.not-configured'],
    ['8.8.8.8', ['192.168.50.0/24'], 'discovery.not-configured'],
    ['192.168.50.0/33', ['192.168.50.0/24'], 'discovery.bad-network'],
    ['copier', ['192.168.50.0/24'], 'discovery.bad-network'],
    ['10.0.0.0/8', ['10.0.0.0/8'], 'discovery.network-too-large'],
    ['10.0.0.0/8', null, 'discovery.network-too-large'],
    ['10.1.0.0/24', null, null],
    [undefined, null, 'discovery.no-network'],
    [undefined, [], 'discovery.no-network'],
  ] as const)('%s of %j: %s', (asked, allowed, code) => {
    const answer = () => networksOf(asked, allowed);
    if (code === null) expect(answer()).toEqual([asked]);
    else
      expect(answer).toThrow(
        expect.objectContaining({ explanation: expect.objectContaining({ code }), exitCode: 2 }),
      );
  });
});

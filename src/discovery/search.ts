/** One search: who announces itself, then every address of the networks at a gentle rate, some side by side. */
import os from 'node:os';
import { LIMITS } from '../core/limits.ts';
import { startDeadline } from './deadline.ts';
import { type BrowseInterface, browse } from './dnssd.ts';
import type { DnssdFacts } from './dnssd-records.ts';
import { type Beforehand, describeUnasked, type LookDeps, lookAt } from './look.ts';
import { countAddresses, createMembership, listAddresses } from './networks.ts';
import { createPace } from './pace.ts';
import {
  type DiscoveryStep,
  type FoundDevice,
  type SearchDeps,
  type SearchOptions,
  STANDARD_PORTS,
} from './types.ts';

/** Progress is told this many times in a search. */
const PROGRESS_STEPS = 100;

/** Searches `networks`; never throws for what a device does. Ends early when its signal aborts. */
export async function* search(deps: SearchDeps, options: SearchOptions): AsyncGenerator<DiscoveryStep> {
  const { clock } = deps;
  const { networks } = options;
  const startedAt = clock.monotonicMs();
  const deadline = startDeadline(clock, LIMITS.discoverySearchMaxMs, options.signal);
  const { signal } = deadline;
  const looker: LookDeps = {
    ...deps,
    pace: createPace(clock, options.questionsPerSecond),
    community: options.community,
  };
  try {
    const contains = createMembership(networks);
    const port = (deps.ports ?? STANDARD_PORTS).mdns;
    const [announced, seen] = await Promise.all([
      browse(looker, { interfaces: interfacesIn(contains), port, signal }),
      deps.seen(),
    ]);
    const ehlos = new Map(seen.map(({ address, ehlo }) => [address, ehlo ?? '']));
    const known = (address: string): Beforehand => ({
      dnssd: announced.get(address) ?? null,
      ehlo: ehlos.get(address) ?? null,
    });

    const of = networks.reduce((sum, network) => sum + countAddresses(network), 0);
    const tally = { asked: 0, answered: 0, devices: 0 };
    for await (const look of lookAtAll(looker, { networks, known, signal })) {
      tally.asked += 1;
      if (look.isPresent) tally.answered += 1;
      if (look.device?.isDevice) tally.devices += 1;
      if (look.device !== null) yield { step: 'found', device: look.device };
      if (isProgress(tally.asked, of)) yield { step: 'progress', asked: tally.asked, of };
    }
    for (const address of unasked([...ehlos.keys()], announced, contains)) {
      tally.answered += 1;
      tally.devices += 1;
      yield { step: 'found', device: describeUnasked(deps, address, known(address)) };
    }
    const tookMs = Math.round(clock.monotonicMs() - startedAt);
    yield { step: 'done', ...tally, tookMs, isComplete: !signal.aborted };
  } finally {
    deadline.clear();
  }
}

function isProgress(asked: number, of: number): boolean {
  return asked === of || asked % Math.ceil(of / PROGRESS_STEPS) === 0;
}

interface Looked {
  isPresent: boolean;
  device: FoundDevice | null;
}

/** Looks at every address, `LIMITS.discoveryWorkersMax` at once, and hands out each look as it ends. */
async function* lookAtAll(
  deps: LookDeps,
  {
    networks,
    known,
    signal,
  }: { networks: readonly string[]; known(address: string): Beforehand; signal: AbortSignal },
): AsyncGenerator<Looked> {
  const own = new Set(ownInterfaces().map(({ address }) => address));
  const addresses = listAddresses(networks);
  const done: Looked[] = [];
  let wake = Promise.withResolvers<void>();
  let working: number = LIMITS.discoveryWorkersMax;

  async function work(): Promise<void> {
    for (let next = addresses.next(); !next.done && !signal.aborted; next = addresses.next()) {
      const address = next.value;
      const look = own.has(address) ? null : await lookAt(deps, { address, known: known(address), signal });
      done.push(look ?? { isPresent: false, device: null });
      wake.resolve();
    }
  }
  const workers = Array.from({ length: working }, () =>
    work().finally(() => {
      working -= 1;
      wake.resolve();
    }),
  );
  const all = Promise.all(workers);
  // Awaited below; until then a failure must not count as unhandled.
  all.catch(() => {});
  while (working > 0 || done.length > 0) {
    yield* done.splice(0);
    if (working === 0) continue;
    await wake.promise;
    wake = Promise.withResolvers<void>();
  }
  await all;
}

/** IPv6 addresses in the networks that told of themselves, and that no IPv4 address of the same device stands for. */
function unasked(
  sent: readonly string[],
  announced: ReadonlyMap<string, DnssdFacts>,
  contains: (address: string) => boolean,
): string[] {
  const onlyIpv6 = [...announced].flatMap(([address, { addresses }]) =>
    address.includes(':') && !addresses.some((other) => !other.includes(':')) ? [address] : [],
  );
  // One host has several IPv6 addresses; the first of each host stands for it.
  const hosts = new Map(onlyIpv6.map((address) => [announced.get(address)?.host ?? address, address]));
  const sentOverIpv6 = sent.filter((address) => address.includes(':') && contains(address));
  return [...new Set([...hosts.values(), ...sentOverIpv6])].sort();
}

function ownInterfaces(): { name: string; address: string; family: string }[] {
  return Object.entries(os.networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ address, family }) => ({ name, address, family })),
  );
}

/** The interfaces that lie in the networks: multicast goes out there alone. */
function interfacesIn(contains: (address: string) => boolean): BrowseInterface[] {
  const all = ownInterfaces();
  const names = new Set(all.filter(({ address }) => contains(address)).map(({ name }) => name));
  const ipv4 = all.filter(({ family, address }) => family === 'IPv4' && contains(address));
  const ipv6 = [...names].filter((name) =>
    all.some((other) => other.name === name && other.family === 'IPv6'),
  );
  return [
    ...ipv4.map(({ name, address }): BrowseInterface => ({ name, address, family: 'udp4' })),
    ...ipv6.map((name): BrowseInterface => ({ name, address: '::', family: 'udp6' })),
  ];
}

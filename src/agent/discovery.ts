/** The search for devices as the config wants it: in the running agent, and on the command line without one. */
import type { Config } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import type { NewEvent } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import { createDiscovery, networksOf } from '../discovery/discovery.ts';
import { createJudge } from '../discovery/judge.ts';
import { search } from '../discovery/search.ts';
import { DEFAULT_QUESTIONS_PER_SECOND } from '../discovery/settings.ts';
import type { Discovery, DiscoveryInForce, DiscoveryStep, SeenDevice } from '../discovery/types.ts';
import type { Catalogue } from '../profiles/types.ts';
import type { Spool } from '../spool/types.ts';
import type { InForce } from './in-force.ts';
import type { CatalogueInUse } from './profile-packs.ts';

export interface AgentDiscoveryDeps extends CatalogueInUse {
  clock: Clock;
  log: Log;
  spool: Spool;
  inForce: InForce;
  record(event: NewEvent): Promise<void>;
}

const FACTS = 'discovery';
/** Latest messages looked through for who sends here: some days of a busy site. */
const MESSAGES_MAX = 1000;

export function createAgentDiscovery({
  clock,
  log,
  spool,
  profiles,
  profileChanges,
  inForce,
  record,
}: AgentDiscoveryDeps): Discovery {
  return createDiscovery({
    ...{ clock, log, inForce: discoveryOf(inForce.config) },
    judge: createJudge(profiles, profileChanges),
    seen: () => sendersOf(spool),
    configuredAs: (address) => deviceAt(inForce, address),
    store: {
      load: () => spool.getFacts(FACTS),
      put: (key, value) => spool.putFact(FACTS, key, value),
      delete: (key) => spool.deleteFact(FACTS, key),
    },
    record,
  });
}

/** What discovery takes from the config. */
export function discoveryOf({ discovery, intake }: Config): DiscoveryInForce {
  return {
    networks: discovery?.networks ?? intake.trustedNetworks,
    everyHours: discovery?.everyHours ?? null,
    community: discovery?.snmpCommunity ?? null,
    questionsPerSecond: discovery?.questionsPerSecond ?? DEFAULT_QUESTIONS_PER_SECOND,
  };
}

/** The addresses that have handed in mail lately, with their latest greeting. */
async function sendersOf(spool: Spool): Promise<SeenDevice[]> {
  const messages = await spool.list({}, { limit: MESSAGES_MAX, before: null });
  const seen = new Map<string, SeenDevice>();
  for (const { head } of messages) {
    const { address, greeting } = head.device;
    if (!isOwn(address) && !seen.has(address)) seen.set(address, { address, ehlo: greeting });
  }
  return [...seen.values()];
}

/** Test scans and notices come from the box itself. */
function isOwn(address: string): boolean {
  return address === '' || address === '127.0.0.1' || address === '::1';
}

function deviceAt({ devices }: Pick<InForce, 'devices'>, address: string): string | null {
  return devices.find((device) => device.address === address)?.id ?? null;
}

export interface SearchAlone {
  clock: Clock;
  profiles: Catalogue;
  /** Null where there is no config yet: then the network has to be named. */
  config: Config | null;
  network: string | undefined;
  signal: AbortSignal;
}

/** One search without a running agent; nothing is kept. Throws OperatorError for a network that may not be searched. */
export function searchAlone({
  clock,
  profiles,
  config,
  network,
  signal,
}: SearchAlone): AsyncIterable<DiscoveryStep> {
  const inForce = config === null ? null : discoveryOf(config);
  return search(
    {
      clock,
      judge: createJudge(profiles),
      seen: async () => [],
      configuredAs: (address) => (config === null ? null : deviceAt(config, address)),
    },
    {
      networks: networksOf(network, inForce?.networks ?? null),
      community: inForce?.community?.reveal() ?? 'public',
      questionsPerSecond: inForce?.questionsPerSecond ?? DEFAULT_QUESTIONS_PER_SECOND,
      signal,
    },
  );
}

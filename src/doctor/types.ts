/** What a check is, what it finds, and what it needs to look. */
import type { Config } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import type { Explanation } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { BrokerFacts } from '../health/sources.ts';
import type { Grade } from '../health/types.ts';
import type { FactStore, NameResolver } from '../routes/types.ts';
import type { StoppedSpool } from '../spool/inspect-stopped.ts';
import type { Spool } from '../spool/types.ts';

/** In the order in which they are told: what lies below comes before what stands on it. */
export const GROUPS = ['box', 'config', 'listeners', 'spool', 'network', 'routes', 'broker'] as const;
export type Group = (typeof GROUPS)[number];

/** One line of the diagnosis. */
export interface Finding {
  /** What was looked at, such as `memory` or `mailbox: sign-in`. */
  name: string;
  grade: Grade;
  /** What is so, in a few words. */
  text: string;
  /** Cause and cure; null when all is well. */
  why: Explanation | null;
  /** For those who want to see it: the verbatim reply, the chain of certificates. */
  detail: string[];
}

export interface DoctorLine extends Finding {
  group: Group;
}

export interface Check {
  group: Group;
  name: string;
  /** Yields each finding as it is known. What it throws is a finding of its own: the check crashed. */
  run(context: CheckContext): AsyncIterable<Finding>;
}

/** The names that checks look up beside those of a route; Node's `dns.promises.Resolver` fits. */
export interface DoctorResolver extends NameResolver {
  resolveTxt(domain: string): Promise<string[][]>;
}

/** Why a route waits, as dispatch says it. */
export interface RoutePauseFacts extends Explanation {
  reply: string | null;
  since: number;
  until: number;
  needsPerson: boolean;
}

/** How a route of the running agent stands; what dispatch says of it fits. */
export interface RouteStanding {
  id: string;
  pause: RoutePauseFacts | null;
  /** Set while only mail to recipients outside the tenant waits. */
  outsidePause?: RoutePauseFacts;
  lastSuccessAt: number | null;
  budget: { messagesThisMinute: number; recipientsToday: number };
}

/** What only the running agent knows. */
export interface RunningAgent {
  /** As they are bound, in the order of the config. */
  listeners(): { address: string; port: number }[];
  /** Whether a connection from that address is greeted, and not turned away at once. */
  admits(address: string): boolean;
  /** Where the page of the box is bound; null where it is off. */
  webPort(): number | null;
  routes(): RouteStanding[];
  spool: Pick<Spool, 'stats' | 'inspect' | 'list'>;
  /** Null where no broker is configured. */
  broker(): BrokerFacts | null;
  /** Top-level keys of the config file that differ from what is in force. */
  changedKeys(): string[];
  /** What a person can do about a code of the tables; null for one that has no advice. */
  adviceFor(code: string): string | null;
  /** Tokens of device codes, sealed. */
  facts: FactStore;
}

export interface ConfigFinding {
  severity: 'error' | 'warning';
  text: string;
}

export interface DoctorDeps {
  clock: Clock;
  log: Log;
  /** The config to look by; null when there is none that can be used. */
  config: Config | null;
  /** Everything the loader has to say about the file as it is now. */
  configFindings: readonly ConfigFinding[];
  configFile: string | null;
  dataDir: string;
  resolver: DoctorResolver;
  /** Null when no agent runs. */
  agent: RunningAgent | null;
  /** Looks through the spool of a stopped agent; null where there is none yet. */
  stoppedSpool(config: Config): Promise<StoppedSpool | null>;
  /** Connects to the broker once, under the name of the site; only where no agent runs. */
  tryBroker(config: Config, signal: AbortSignal): Promise<BrokerTrial>;
  /** Folder that stands for `/`; another one in tests. */
  systemRoot: string;
  /** Servers asked for the time over UDP, as `host` or `host:port`; left out, those of this system. */
  timeServers?: string[];
}

/** A connection to the broker that was opened and closed; `why` says why it was not. */
export type BrokerTrial = { isConnected: true; version: string } | { isConnected: false; why: Explanation };

export interface CheckContext extends DoctorDeps {
  /** Aborted when the time of the check is over, or nobody wants to know any more. */
  signal: AbortSignal;
}

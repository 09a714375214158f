/** What discovery finds, says and needs. */
import type { Clock } from '../core/clock.ts';
import type { NewEvent } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { Candidate, Verdict } from '../profiles/identify.ts';
import type { DeviceSignals } from '../profiles/signals.ts';

/** A profile for which something speaks. */
export type FoundCandidate = Pick<Candidate, 'profile' | 'title' | 'score' | 'minScore' | 'verdict'>;

/** What the catalogue makes of signals. */
export interface Identified {
  verdict: Verdict;
  /** Id of the profile; null where none is sure enough. */
  profile: string | null;
  title: string | null;
  /** 0 where there is no profile. */
  score: number;
  /** Why, one sentence. */
  why: string;
  /** The best first. */
  candidates: FoundCandidate[];
  model: string | null;
  firmware: string | null;
  /** What a person should do about it, one sentence each, only where a source says so. */
  advice: string[];
}

export interface Judge {
  identify(signals: DeviceSignals): Identified;
  /** SNMP names that profiles ask for, beside the common ones. */
  profileOids(): readonly string[];
}

/** One device on the network, as far as known now. */
export interface FoundDevice extends Identified {
  address: string;
  /** Lower case with colons; null beyond a router. */
  mac: string | null;
  /** Maker of the network interface. */
  maker: string | null;
  /** Names it has been given or gave itself, best first. */
  names: string[];
  signals: DeviceSignals;
  /** Which sources spoke, such as `snmp v2c`, `ipp` or `_uscan._tcp`. */
  foundBy: string[];
  /**
   * Whether it is likely to send mail: a profile fits, or it prints, scans, or has sent through this box. Everything else
   * that answered is a computer or a part of the network.
   */
  isDevice: boolean;
  /** Id of the device in the config that has this address; null where there is none. */
  configuredAs: string | null;
}

export interface SearchSummary {
  /** Addresses asked. */
  asked: number;
  /** Of these, how many answered anything. */
  answered: number;
  devices: number;
  tookMs: number;
  /** False when the search was ended before it had asked everybody. */
  isComplete: boolean;
}

export type DiscoveryStep =
  | { step: 'progress'; asked: number; of: number }
  | { step: 'found'; device: FoundDevice }
  | ({ step: 'done' } & SearchSummary);

/** What intake has seen of an address that sent something. */
export interface SeenDevice {
  address: string;
  ehlo: string | null;
}

/** TCP and UDP ports of the questions; other ones in tests alone. */
export interface DiscoveryPorts {
  snmp: number;
  ipp: number;
  http: number;
  https: number;
  mdns: number;
}

export const STANDARD_PORTS: DiscoveryPorts = { snmp: 161, ipp: 631, http: 80, https: 443, mdns: 5353 };

/** What a search needs. */
export interface SearchDeps {
  clock: Clock;
  judge: Judge;
  seen(): Promise<SeenDevice[]>;
  /** Id of a configured device by its address. */
  configuredAs(address: string): string | null;
  ports?: DiscoveryPorts;
}

export interface SearchOptions {
  networks: readonly string[];
  community: string;
  questionsPerSecond: number;
  signal: AbortSignal;
}

export interface DiscoverRequest {
  /** A part of the configured networks; left out, all of them. */
  network?: string | undefined;
  signal: AbortSignal;
}

/** Small durable facts; the spool keeps them. */
export interface FoundStore {
  load(): Promise<Map<string, unknown>>;
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
}

/** A device that a search has found, now or before. */
export interface KeptDevice {
  device: FoundDevice;
  /** Epoch milliseconds. */
  firstFoundAt: number;
  /** Null until a search of this run has found it again. */
  lastFoundAt: number | null;
}

/** The part of the config that discovery follows; a reload replaces it. */
export interface DiscoveryInForce {
  /** `discovery.networks`, or the trusted networks where there are none. */
  networks: readonly string[];
  everyHours: number | null;
  community: Secret | null;
  questionsPerSecond: number;
}

export interface DiscoveryDeps extends SearchDeps {
  log: Log;
  inForce: DiscoveryInForce;
  store: FoundStore;
  record(event: NewEvent): Promise<void>;
}

export interface Discovery {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Takes over other settings; a search under way ends by those it began with. */
  replace(inForce: DiscoveryInForce): void;
  /** Searches now. Throws OperatorError for a network that may not be searched, and while another search is under way. */
  discover(request: DiscoverRequest): AsyncIterable<DiscoveryStep>;
  /** What searches have found so far, by address. */
  found(): KeptDevice[];
  /** The one at this address; null where none was found. */
  foundAt(address: string): FoundDevice | null;
}

/** What the notices offer and need. */
import type { Clock } from '../core/clock.ts';
import type { Explanation } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Spool } from '../spool/types.ts';
import type { NoticeSettings } from './settings.ts';

/** What the config says; a reload replaces it. */
export interface NoticeConfig {
  /** Null while nobody is to be told. */
  settings: NoticeSettings | null;
  /** The site, for people. */
  siteName: string;
  /** Name of this box. */
  hostname: string;
  /** Sender where the settings name none. */
  defaultFrom: string;
  /** Domains of the organisation itself, lower case: only their addresses are told of their own scans. */
  ownDomains: readonly string[];
  devices: ReadonlyMap<string, NoticeDevice>;
  maxAgeHours: number;
  failedKeepDays: number;
}

export interface NoticeDevice {
  /** Name for people; null where the config gives none. */
  name: string | null;
  /** In place of `settings.toSender`; null leaves it to that. */
  toSender: boolean | null;
}

/** A pause of a route as it stands now. */
export interface RoutePause {
  route: string;
  code: string;
  cause: string;
  advice: string;
  since: number;
  needsPerson: boolean;
}

export interface NoticesDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  config: NoticeConfig;
  /** What a person can do about a code; null where nothing is known. */
  adviceFor(code: string): string | null;
  /** The routes that are paused now. */
  pauses(): RoutePause[];
  /** Whether a route that could carry mail to this address is open now. */
  canGoNow(recipient: string): boolean;
}

export interface Notices {
  start(): Promise<void>;
  /** Resolves when nothing is being written any more. */
  stop(): Promise<void>;
  /** Goes on with another config; what is written already stays as it is. */
  replace(config: NoticeConfig): Promise<void>;
  /** What keeps notices from people: the latest one that failed and has not been dealt with; null when all is well. */
  trouble(): Promise<Explanation | null>;
}

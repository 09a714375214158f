/** What the operator's commands act on; agent.ts supplies it. */
import type { Clock } from '../core/clock.ts';
import type { Devices } from '../devices/types.ts';
import type { Discovery } from '../discovery/types.ts';
import type { Dispatch } from '../dispatch/types.ts';
import type { DoctorLine } from '../doctor/types.ts';
import type { BrokerFacts } from '../health/sources.ts';
import type { HealthRoom } from '../health/types.ts';
import type { Spool } from '../spool/types.ts';
import type { BoxPlaces } from '../support/box-facts.ts';
import type { DoctorRequest, SendTestRequest, SendTestStep } from './protocol.ts';

export interface ControlDeps {
  version: string;
  siteId: string;
  startedAt: number;
  now(): number;
  spool: Spool;
  dispatch: Dispatch;
  devices: Pick<Devices, 'list' | 'show' | 'approve' | 'forget' | 'capture'>;
  discovery: Pick<Discovery, 'discover' | 'found'>;
  health: Pick<HealthRoom, 'look' | 'report' | 'devices'>;
  /** What a person can do about the code of a recipient; null where there is nothing to say. */
  adviceFor(code: string): string | null;
  /** State of the connection to the MQTT broker; null where none is configured. */
  broker(): BrokerFacts | null;
  /** Sends a test scan through the box and tells each step as it happens. */
  sendTest(request: SendTestRequest): AsyncIterable<SendTestStep>;
  /** Looks at the site and everything it sends to, and tells each line as it is known. */
  diagnose(request: DoctorRequest, signal: AbortSignal): AsyncIterable<DoctorLine>;
  /** Copies the spool into a folder of its own below the data folder; the path of the copy, for whoever asked to remove; removed at once when they are `gone`. */
  copySpool(options: { messages: boolean }, gone: AbortSignal): Promise<string>;
  /** What a support bundle is made from besides. */
  support: {
    clock: Clock;
    places: BoxPlaces;
    /** The newest lines of the log, oldest first. */
    logTail(): string[];
  };
  /** Reads the config again and applies it; rejects with OperatorError when it can't be used. */
  reload(by: string): Promise<ReloadReport>;
  /** Puts a new config in place and goes back to the old one if health gets worse; rejects with OperatorError when it can't be used. */
  setConfig(request: SetConfigRequest): Promise<SetConfigReport>;
  /** Takes a signed pack of profiles, or the built-in ones again; rejects with OperatorError when it can't be trusted or used. */
  updateProfiles(request: ProfilesRequest): Promise<ProfilesReport>;
  /** Ends the process in a moment, cleanly; the service manager starts it again. */
  restart(by: string): void;
}

export interface SetConfigRequest {
  /** The whole config, as YAML. */
  config: string;
  windowSeconds: number;
  by: string;
}

/** A new config is in force, on trial. */
export interface SetConfigReport {
  /** Top-level keys of the config that are different now. */
  changed: string[];
  warnings: string[];
  /** When it is kept for good unless health is worse before, epoch milliseconds. */
  until: number;
}

export interface ProfilesRequest {
  /** A signed pack; null for the built-in profiles alone. */
  pack: string | null;
  by: string;
}

export interface ProfilesReport {
  /** Profiles of the pack. */
  profiles: number;
  /** When it was made, epoch seconds. */
  issued: number | null;
  /** All profiles that are in use now. */
  known: number;
}

/** What a reload did. */
export interface ReloadReport {
  /** Top-level keys of the config that are different now. */
  changed: string[];
  /** What the new config is warned about, one sentence each. */
  warnings: string[];
  listeners: { address: string; port: number; tls: string }[];
}

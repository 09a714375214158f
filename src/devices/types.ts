/** What the register of devices knows, does and needs. */
import type { Clock } from '../core/clock.ts';
import type { Explanation } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { FoundDevice, KeptDevice } from '../discovery/types.ts';
import type { Captures } from '../intake/capture.ts';
import type { Measured } from '../intake/measured.ts';
import type { DeviceSettings } from '../intake/settings.ts';
import type { Treatment } from '../intake/treatment.ts';
import type { DeviceKnowledge } from '../intake/types.ts';
import type { Catalogue } from '../profiles/types.ts';
import type { Spool } from '../spool/types.ts';
import type { Draft } from './draft.ts';

/**
 * config: stands in the config; approved: a person has let it in; held: unknown, and its mail waits; seen: unknown, and
 * has sent; found: a search has found it.
 */
export type DeviceStanding = 'config' | 'approved' | 'held' | 'seen' | 'found';

/** Which profile a device has, or would have, and why. */
export interface ProfileVerdict {
  /** Id of the profile in force; null where none is. */
  profile: string | null;
  origin: Treatment['origin'];
  /** Profile that speaks for itself but is not sure enough to be applied; null where there is none. */
  likely: string | null;
  /** One sentence. */
  why: string;
}

export interface DeviceRow extends ProfileVerdict {
  /** Null for a device that nobody has given one. */
  id: string | null;
  name: string | null;
  /** Null for a device that is known by its login alone and has not been seen. */
  address: string | null;
  standing: DeviceStanding;
  model: string | null;
  firmware: string | null;
  /** Epoch milliseconds; null before its first session. */
  lastSeenAt: number | null;
  /** TLS of its latest session, such as `TLSv1`; `none` in plain text; null before the first. */
  tls: string | null;
  /** Messages that wait until somebody approves it. */
  held: number;
}

/** One fact about a device: what its profile's file says, what was measured, and what the box does. */
export interface OverlayRow {
  what: string;
  file: string | null;
  measured: string | null;
  applied: string;
  /** Whether the measurement overrides the file. */
  isOverridden: boolean;
}

/** A session that was refused, with what a person can do about it. */
export interface ToldRefusal extends Explanation {
  /** Epoch milliseconds. */
  at: number;
  /** A message has been accepted since. */
  isOver: boolean;
}

export interface DeviceDetail extends DeviceRow {
  overlay: OverlayRow[];
  measured: Measured | null;
  treatment: Treatment;
  /** Epoch milliseconds and who, for an approved one. */
  approved: { at: number; by: string } | null;
  /** The latest since its latest accepted message, or within the history; null where there was none. */
  refusal: ToldRefusal | null;
}

export interface ApproveRequest {
  /** Address, or id of an approved device. */
  device: string;
  id?: string | undefined;
  name?: string | undefined;
  profile?: string | undefined;
  by: string;
}

export interface Approval {
  id: string;
  address: string;
  profile: string | null;
  /** As in the row of the list. */
  likely: string | null;
  why: string;
  /** Messages that were released. */
  released: number;
  /** Entry for `devices` of the config. */
  yaml: string;
}

export interface ForgetRequest {
  /** Id or address. */
  device: string;
  by: string;
}

export interface Forgotten {
  id: string | null;
  address: string;
}

export interface CaptureDeviceRequest {
  device: string;
  waitMs: number;
  signal?: AbortSignal | undefined;
}

/** A recorded session and a drafted profile, both scrubbed. */
export interface DeviceCapture {
  sessions: number;
  delivered: number;
  /** Text of a session file; null where nothing was recorded. */
  session: string | null;
  profile: Draft;
}

export interface Devices extends DeviceKnowledge {
  /** Reads what earlier runs have kept. */
  start(): Promise<void>;
  /** Writes what has been measured since. */
  stop(): Promise<void>;
  /** Devices of a config, and those approved that it does not name. */
  withApproved(configured: readonly DeviceSettings[]): DeviceSettings[];
  list(): Promise<DeviceRow[]>;
  /** By id or address. Rejects with OperatorError where nothing is known of it. */
  show(device: string): Promise<DeviceDetail>;
  approve(request: ApproveRequest): Promise<Approval>;
  forget(request: ForgetRequest): Promise<Forgotten>;
  /** Records what comes from a device until it has sent a message. Rejects while another is captured. */
  capture(request: CaptureDeviceRequest): Promise<DeviceCapture>;
}

export type DevicesSpool = Pick<Spool, 'getFacts' | 'putFact' | 'deleteFact' | 'list' | 'act' | 'record'>;

export interface DevicesDeps {
  clock: Clock;
  log: Log;
  spool: DevicesSpool;
  catalogue: Catalogue;
  /** Counts changes of the catalogue; after one, devices are judged anew. */
  catalogueChanges(): number;
  /** Devices of the config in force. */
  configured(): readonly DeviceSettings[];
  discovery: { found(): readonly KeptDevice[]; foundAt(address: string): FoundDevice | null };
  /** The devices that are known have changed: they are in force when this resolves. */
  onKnown(devices: DeviceSettings[]): Promise<void>;
  /** What was learned of how an address starts TLS is no longer true. */
  forgetTls(address: string): void;
  /** Records the sessions of an address; null while another one is recorded. */
  capture: Captures['capture'];
  /** The latest refusal of a device, or of an address. */
  refusalOf(device: {
    id: string | null;
    address: string | null;
  }): Promise<{ at: number; code: string; isOver: boolean } | null>;
  version: string;
  /** Mail has been released. */
  wake(): void;
}

/** What intake offers and needs. */
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Catalogue } from '../profiles/types.ts';
import type { Spool } from '../spool/types.ts';
import type { Captures } from './capture.ts';
import type { SessionObservation } from './observation.ts';
import type { DeviceSettings, IntakeSettings } from './settings.ts';
import type { TestLogin } from './sign-in.ts';
import type { KnownDevice } from './treatment.ts';

/** PEM texts of the certificate the listeners show, with its chain. */
export interface ServerCertificate {
  key: string;
  cert: string;
}

/** What others know of devices, and what they want to know. Both are called for each connection and return at once. */
export interface DeviceKnowledge {
  /** `profile`: one that was recognised, for a device to which nobody gave one. */
  of(address: string, device: DeviceSettings | null): Omit<KnownDevice, 'origin'>;
  /** A session is over. */
  observed(observation: SessionObservation): void;
}

export interface IntakeDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  settings: IntakeSettings;
  devices: DeviceSettings[];
  /** The device catalogue; a device's profile decides what it is offered. */
  profiles: Catalogue;
  /** Left out, every device is as its entry in the config says. */
  knowledge?: DeviceKnowledge;
  /** A part of a split message waits in the spool for the others; left out, nobody joins them. */
  onPart?(id: string): void;
  /** Certificate shown to devices; asked for at start and again after `renewCertificate`. */
  certificate: ServerCertificate;
}

/** What a reload of the config may replace while intake runs. */
export type IntakeChange = Pick<IntakeDeps, 'settings' | 'devices' | 'certificate'>;

export interface ListenerAddress {
  address: string;
  port: number;
  tls: 'none' | 'starttls' | 'implicit' | 'auto';
}

export interface Intake {
  /** Binds every listener; rejects with OperatorError naming the port that can't be bound. */
  start(): Promise<ListenerAddress[]>;
  /** Takes no new connections, lets open DATA finish within LIMITS.roomStopMaxMs, then closes. */
  stop(): Promise<void>;
  /**
   * Goes on with other settings and devices: connections that are open keep the policy they began with, ports that
   * didn't change stay open. Rejects with OperatorError when a new port can't be opened; nothing has changed then.
   */
  reload(change: IntakeChange): Promise<ListenerAddress[]>;
  /** Goes on with other devices; connections that are open keep what they began with. */
  replaceDevices(devices: DeviceSettings[]): void;
  /** Records the sessions of an address, scrubbed; null while another capture runs. */
  capture: Captures['capture'];
  /** Forgets what was learned of how an address starts TLS. */
  forgetTls(address: string): void;
  replaceCertificate(certificate: ServerCertificate): void;
  issueTestLogin(): TestLogin;
  /** Whether a connection from that address is greeted, and not turned away at once; by address or network alone. */
  admits(address: string): boolean;
}

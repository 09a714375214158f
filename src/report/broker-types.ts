/** What a connection to a broker is given and what it offers; the agent and `scanferry fleet` use the same one. */
import type { Clock } from '../core/clock.ts';
import type { Explanation } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';

export type MqttVersion = '3.1.1' | '5';

/** Where the broker is, and who we are to it. */
export interface BrokerSettings {
  /** mqtt, mqtts, ws or wss, host and port; a path with ws and wss. */
  url: string;
  /** `5` falls back to 3.1.1 when the broker does not speak it. */
  version: MqttVersion;
  clientId: string;
  username?: string | undefined;
  password?: Secret | undefined;
  /** PEM; left out, the authorities that Node.js knows. */
  ca?: string | undefined;
  /** Client certificate and its private key, PEM. */
  certificate?: { cert: string; key: string } | undefined;
}

export interface OutgoingMessage {
  topic: string;
  payload: string;
  qos: 0 | 1;
  retain: boolean;
  /** MQTT 5: the broker forgets the message after this. */
  expirySeconds?: number;
  /** MQTT 5: what the one who asked correlates the answer by. */
  correlation?: Buffer;
}

export interface IncomingMessage {
  topic: string;
  payload: Buffer;
  retain: boolean;
  /** MQTT 5 only. */
  responseTopic: string | null;
  correlation: Buffer | null;
}

export interface BrokerState {
  isConnected: boolean;
  /** Since when it is as it is, epoch milliseconds. */
  since: number;
  /** Version spoken on the latest connection. */
  version: MqttVersion | null;
  /** Why there is no connection, or why the last one ended; null when all is well. */
  problem: Explanation | null;
}

export interface BrokerDeps {
  clock: Clock;
  log: Log;
  /** From 0 to less than 1; waits are spread by it. */
  random(): number;
  settings: BrokerSettings;
  /** The broker publishes it when the connection is lost. */
  will: OutgoingMessage | null;
  /** Each new connection, before anything else is published on it. Whatever it throws ends the connection. */
  onConnect(connection: BrokerConnection): Promise<void>;
  /** Must be quick; what takes long is for the receiver to queue. */
  onMessage(message: IncomingMessage): void;
  /** A change of `state()`. */
  onState?(state: BrokerState): void;
}

export interface BrokerConnection {
  /** Begins to connect, and does so again and again until `stop`; never throws. */
  start(): void;
  /** Says goodbye (the will is not published) and resolves when the socket is closed. */
  stop(): Promise<void>;
  state(): BrokerState;
  /** Address of the box on the present connection, or null. */
  localAddress(): string | null;
  /**
   * Resolves when the broker has acknowledged (QoS 1) or the message is on its way (QoS 0). Rejects with
   * BrokerUnavailable when there is no connection, too much waits already, or nothing is acknowledged in time.
   */
  publish(message: OutgoingMessage): Promise<void>;
  /** For this connection only: ask again in `onConnect`. Rejects with BrokerUnavailable, also when the broker says no. */
  subscribe(filters: readonly string[], qos: 0 | 1): Promise<void>;
}

/** The broker did not take a message; nothing is kept for later. */
export class BrokerUnavailable extends Error {
  readonly explanation: Explanation;

  constructor(explanation: Explanation, options?: ErrorOptions) {
    super(explanation.cause, options);
    this.name = 'BrokerUnavailable';
    this.explanation = explanation;
  }
}

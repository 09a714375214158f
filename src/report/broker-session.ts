/** One connection to a broker, from the TCP connect to its end; MQTT.js does the protocol. */
import type { IClientOptions, IConnackPacket, IPublishPacket, MqttClient } from 'mqtt';
import { LIMITS } from '../core/limits.ts';
import {
  type BrokerSettings,
  BrokerUnavailable,
  type IncomingMessage,
  type MqttVersion,
  type OutgoingMessage,
} from './broker-types.ts';
import { createPacketGuard } from './packet-guard.ts';
import { PROBLEMS } from './problems.ts';

export interface BrokerSession {
  readonly version: MqttVersion;
  /** Address of the box on this connection; null where the stream does not tell. */
  readonly localAddress: string | null;
  /** Resolves when the connection is over, with the error that ended it, or null where there was none. */
  readonly ended: Promise<unknown>;
  publish(message: OutgoingMessage): Promise<void>;
  subscribe(filters: readonly string[], qos: 0 | 1): Promise<void>;
  /** Disconnects properly, so that the will is not published. */
  end(): Promise<void>;
  /** Cuts the connection; `error` is what `ended` then says. */
  cut(error: unknown): void;
}

/** The connection did not come about. */
export class BrokerConnectError extends Error {
  readonly sawConnack: boolean;
  constructor(cause: unknown, sawConnack: boolean) {
    super('the broker could not be connected', { cause });
    this.name = 'BrokerConnectError';
    this.sawConnack = sawConnack;
  }
}

export interface SessionOptions {
  settings: BrokerSettings;
  version: MqttVersion;
  will: OutgoingMessage | null;
  onMessage(message: IncomingMessage): void;
  /** Cuts the attempt when it aborts. */
  signal: AbortSignal;
}

/** Connects; rejects with BrokerConnectError. */
export async function openBrokerSession(options: SessionOptions): Promise<BrokerSession> {
  const { connect } = await import('mqtt');
  const client = connect(clientOptions(options));
  const ended = Promise.withResolvers<unknown>();
  let firstError: unknown = null;
  const note = (error: unknown): void => {
    firstError ??= error;
  };
  const cut = (error: unknown): void => {
    note(error);
    client.end(true);
    client.stream.destroy();
  };
  client.on('error', (error) => cut(error));
  // Errors without a code are swallowed by MQTT.js; here they are the reason that is told.
  client.stream.on('error', note);
  client.on('close', () => ended.resolve(firstError));
  client.on('disconnect', ({ reasonCode }) =>
    cut(Object.assign(new Error('disconnected'), { code: reasonCode })),
  );
  client.on('message', (topic, payload, packet) => options.onMessage(incoming(topic, payload, packet)));
  client.stream.on(
    'data',
    createPacketGuard(LIMITS.brokerPacketBytesMax, (bytes) =>
      cut(new BrokerUnavailable(PROBLEMS.packetTooLarge(bytes, LIMITS.brokerPacketBytesMax))),
    ),
  );
  const abort = (): void => cut(options.signal.reason);
  options.signal.addEventListener('abort', abort, { once: true });
  if (options.signal.aborted) abort();

  await connected(client, ended.promise);
  options.signal.removeEventListener('abort', abort);
  return {
    version: options.version,
    localAddress: localAddressOf(client),
    ended: ended.promise,
    publish: (message) => publish(client, message, ended.promise),
    subscribe: (filters, qos) => subscribe(client, filters, qos, ended.promise),
    async end() {
      client.end();
      await ended.promise;
    },
    cut,
  };
}

function clientOptions({ settings, version, will }: SessionOptions): IClientOptions {
  const url = new URL(settings.url);
  const scheme = url.protocol.slice(0, -1);
  const isWeb = scheme === 'ws' || scheme === 'wss';
  const tls = {
    // TLS 1.2 at least, chain and name verified: that is not a setting.
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(settings.ca === undefined ? {} : { ca: settings.ca }),
    ...(settings.certificate === undefined ? {} : settings.certificate),
  };
  const options = {
    ...{ protocol: scheme, port: Number(url.port) || DEFAULT_PORTS[scheme] },
    // A URL writes an IPv6 address in brackets; a socket wants it without, a WebSocket address with them.
    host: isWeb ? url.hostname : url.hostname.replace(/^\[|\]$/g, ''),
    ...(isWeb ? { path: `${url.pathname}${url.search}`, wsOptions: { ...tls, ...WEB_OPTIONS } } : tls),
    ...{ clientId: settings.clientId, clean: true, keepalive: LIMITS.brokerKeepaliveMs / 1000 },
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password.reveal() }),
    // Above the limit of the connection itself, which goes by the injected clock.
    connectTimeout: LIMITS.brokerConnectMaxMs * 2,
    // One client a connection, without a queue of its own: what waits is the caller's to bound.
    ...{
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
    },
    ...versionOptions(version),
    ...(will === null ? {} : { will: { ...will, payload: Buffer.from(will.payload) } }),
  };
  // The scheme is one of the four that the settings allow, which the type of MQTT.js spells as a union.
  return options as IClientOptions;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 };

const WEB_OPTIONS = {
  maxPayload: LIMITS.brokerPacketBytesMax,
  perMessageDeflate: false,
  handshakeTimeout: LIMITS.brokerConnectMaxMs * 2,
} as const;

function versionOptions(version: MqttVersion): Partial<IClientOptions> {
  if (version === '3.1.1') return { protocolVersion: 4 };
  return { protocolVersion: 5, properties: { maximumPacketSize: LIMITS.brokerPacketBytesMax } };
}

function connected(client: MqttClient, ended: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    let sawConnack = false;
    client.on('packetreceive', ({ cmd }) => {
      sawConnack ||= cmd === 'connack';
    });
    client.once('connect', (_packet: IConnackPacket) => resolve());
    void ended.then((error) => reject(new BrokerConnectError(error, sawConnack)));
  });
}

function localAddressOf({ stream }: MqttClient): string | null {
  if ('localAddress' in stream && typeof stream.localAddress === 'string') return stream.localAddress;
  return null;
}

function incoming(topic: string, payload: Buffer, packet: IPublishPacket): IncomingMessage {
  return {
    ...{ topic, payload, retain: packet.retain },
    responseTopic: packet.properties?.responseTopic ?? null,
    correlation: packet.properties?.correlationData ?? null,
  };
}

async function publish(client: MqttClient, message: OutgoingMessage, ended: Promise<unknown>): Promise<void> {
  if (!client.connected) throw new BrokerUnavailable(PROBLEMS.connecting());
  const { topic, payload, qos, retain, expirySeconds, correlation } = message;
  const properties = {
    ...(expirySeconds === undefined ? {} : { messageExpiryInterval: expirySeconds }),
    ...(correlation === undefined ? {} : { correlationData: correlation }),
  };
  const sent = client.publishAsync(topic, payload, { qos, retain, properties });
  await beforeEnd(sent, ended).catch((cause: unknown) => {
    if (cause instanceof BrokerUnavailable) throw cause;
    // What MQTT.js says of a connection that ended has no reason code of the broker (MQTT 5 section 3.4.2.1).
    if (!(cause instanceof Error && 'code' in cause && typeof cause.code === 'number'))
      throw new BrokerUnavailable(PROBLEMS.connecting(), { cause });
    throw new BrokerUnavailable(PROBLEMS.publishRefused(topic, cause.message), { cause });
  });
}

/** A grant of 128 or more is a refusal (MQTT 3.1.1 section 3.9.3, MQTT 5 section 3.9.3). */
const GRANT_REFUSED_MIN = 128;

async function subscribe(
  client: MqttClient,
  filters: readonly string[],
  qos: 0 | 1,
  ended: Promise<unknown>,
): Promise<void> {
  const asked = client.subscribeAsync([...filters], { qos });
  const grants = await beforeEnd(asked, ended).catch((cause: unknown) => {
    if (cause instanceof BrokerUnavailable) throw cause;
    throw new BrokerUnavailable(PROBLEMS.subscribeRefused(filters.join(', ')), { cause });
  });
  const refused = grants.filter((grant) => grant.qos >= GRANT_REFUSED_MIN).map((grant) => grant.topic);
  if (refused.length > 0) throw new BrokerUnavailable(PROBLEMS.subscribeRefused(refused.join(', ')));
}

/** MQTT.js keeps what is unacknowledged for a next connection, which never comes here: the end is the answer. */
async function beforeEnd<T>(work: Promise<T>, ended: Promise<unknown>): Promise<T> {
  const end = ended.then(() => {
    throw new BrokerUnavailable(PROBLEMS.connecting());
  });
  work.catch(() => {});
  return Promise.race([work, end]);
}

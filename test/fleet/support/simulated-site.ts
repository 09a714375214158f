/** A site as the broker sees it: one MQTT connection with a will, and the payloads that an agent publishes. */
import mqtt, { type MqttClient } from 'mqtt';
import type {
  DeviceStatePayload,
  EventPayload,
  HealthPayload,
  InfoPayload,
  ResponsePayload,
  TelemetryPayload,
} from '../../../src/report/payloads.ts';
import { siteTopics } from '../../../src/report/topics.ts';

export interface SimulatedSite {
  readonly id: string;
  /** Birth: status, info, health. Resolves when the broker has all of it. */
  connect(): Promise<void>;
  info(change?: Partial<InfoPayload>): Promise<void>;
  health(change?: Partial<HealthPayload>): Promise<void>;
  telemetry(numbers?: Record<string, number>): Promise<void>;
  device(id: string, change?: Partial<DeviceStatePayload>): Promise<void>;
  event(seq: number, change?: Partial<EventPayload>): Promise<void>;
  status(payload: string): Promise<void>;
  /** Anything on one of the site's topics. */
  publish(topic: string, payload: string, retain: boolean): Promise<void>;
  /** Answers each command that comes with what `reply` says of its verb and nonce. */
  obey(reply: (command: { verb: string; nonce: string; token: string }) => ResponsePayload[]): Promise<void>;
  /** Says goodbye as an agent does that is stopped on purpose. */
  stop(): Promise<void>;
  /** The power cut: the broker publishes the will. */
  cut(): Promise<void>;
}

export function simulatedSite(url: string, id: string, name = id): SimulatedSite {
  const topics = siteTopics(id);
  let client: MqttClient | null = null;
  let connection = 0;

  function current(): MqttClient {
    if (client === null) throw new Error(`${id} is not connected`);
    return client;
  }

  async function publish(topic: string, payload: string, retain: boolean): Promise<void> {
    await current().publishAsync(topic, payload, { qos: 1, retain });
  }

  const site: SimulatedSite = {
    id,
    async connect() {
      client = await mqtt.connectAsync(url, {
        ...{ clientId: id, reconnectPeriod: 0 },
        will: { topic: topics.status, payload: Buffer.from('offline'), qos: 1, retain: true },
      });
      // The other side may cut the connection; tests look at what the broker says then.
      client.on('error', () => {});
      connection += 1;
      await publish(topics.status, 'online', true);
      await site.info();
      await site.health();
    },
    info: (change) =>
      publish(
        topics.info,
        JSON.stringify({
          ...{ site: id, name, version: '0.1.0', host: `${id}-box`, address: '192.168.50.10' },
          ...{ started: Date.now() - 3 * 86_400_000, connection, config: 'c0ffee', running: true },
          ...{ telemetry_s: 60, ...change },
        } satisfies InfoPayload),
        true,
      ),
    health: (change) =>
      publish(
        topics.health,
        JSON.stringify({
          ...{ ts: Date.now(), grade: 'ok', grade_num: 0, metrics: OK_METRICS, problems: [] },
          ...change,
        } satisfies HealthPayload),
        true,
      ),
    telemetry: (numbers) => {
      const payload: TelemetryPayload = { ts: Date.now(), ...OK_NUMBERS, ...numbers };
      return publish(topics.telemetry, JSON.stringify(payload), false);
    },
    device: (device, change) =>
      publish(
        topics.device(device),
        JSON.stringify({
          ...{ id: device, profile: 'ricoh/mp-c2503', last_seen: Date.now() - 40_000 },
          ...{ last_message: Date.now() - 40_000, accepted: 812, delivered: 810, failed: 0, waiting: 2 },
          ...{ tls: 'TLSv1', grade: 'ok', grade_num: 0, problem: null, ...change },
        } satisfies DeviceStatePayload),
        true,
      ),
    event: (seq, change) =>
      publish(
        topics.event,
        JSON.stringify({
          ...{ id: `${id}-${seq}`, seq, ts: Date.now(), type: 'agent.started', data: { version: '0.1.0' } },
          ...change,
        } satisfies EventPayload),
        false,
      ),
    status: (payload) => publish(topics.status, payload, true),
    publish,
    async obey(reply) {
      current().on('message', (topic, payload) => {
        const token = payload.toString();
        const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
        const verb = topic.split('/').at(-1) ?? '';
        for (const answer of reply({ verb, nonce: claims.nonce, token })) {
          void publish(topics.response(claims.nonce), JSON.stringify(answer), false);
        }
      });
      await current().subscribeAsync(topics.commands, { qos: 1 });
    },
    async stop() {
      if (client === null) return;
      await site.info({ running: false });
      await site.status('offline');
      await client.endAsync();
      client = null;
    },
    async cut() {
      const cutting = client;
      client = null;
      // The broker may have been quicker.
      if (cutting === null || cutting.stream.destroyed) return;
      const closed = new Promise<void>((resolve) => cutting.once('close', () => resolve()));
      cutting.end(true);
      cutting.stream.destroy();
      await closed;
    },
  };
  return site;
}

const OK_METRICS: HealthPayload['metrics'] = {
  spool_waiting_count: { value: 2, unit: 'count', grade: 'ok' },
  spool_oldest_age_s: { value: 4, unit: 's', grade: 'ok' },
  spool_database_bytes: { value: 48_234_496, unit: 'bytes', grade: 'ok' },
  route_state_mailbox: { value: 'open', unit: 'state', grade: 'ok' },
  route_last_success_age_s_mailbox: { value: 41, unit: 's', grade: 'ok' },
  route_recipients_left_count_mailbox: { value: 9188, unit: 'count', grade: 'ok' },
  agent_uptime_s: { value: 259_200, unit: 's', grade: 'ok' },
  agent_rss_bytes: { value: 96_468_992, unit: 'bytes', grade: 'ok' },
  broker_connected: { value: true, unit: 'bool', grade: 'ok' },
};

const OK_NUMBERS: Record<string, number> = {
  spool_waiting_count: 2,
  spool_oldest_age_s: 4,
  spool_database_bytes: 48_234_496,
  route_state_mailbox: 0,
  route_recipients_left_count_mailbox: 9188,
  agent_cpu_percent: 0.7,
  agent_event_loop_lag_ms: 12,
};

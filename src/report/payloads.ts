/** What is published over MQTT: the payload of each topic (design of topics: docs/reference/topics.md). */
import type { EventRecord } from '../core/events.ts';
import type { Grade } from '../health/types.ts';

/** `<root>/status`, plain text, retained; `offline` is also the will. */
export type StatusPayload = 'online' | 'offline';

/** `<root>/info`, retained. */
export interface InfoPayload {
  site: string;
  /** Name for people. */
  name: string;
  version: string;
  host: string;
  /** Address of the box toward the broker; null where it can't be told. */
  address: string | null;
  /** Start of the agent, epoch milliseconds. */
  started: number;
  /** Counts connections to the broker since the agent was set up: a late will of an earlier one can be told apart. */
  connection: number;
  /** Changes when the config does; holds nothing of it. */
  config: string;
  /** False after a clean stop, until the next start: the site is off because somebody wanted it. */
  running: boolean;
  /** How often telemetry comes, seconds: whoever watches knows from it when a site has gone silent. */
  telemetry_s?: number;
}

/** `<root>/health`, retained. */
export interface HealthPayload {
  /** Epoch milliseconds. */
  ts: number;
  grade: Grade;
  grade_num: 0 | 1 | 2;
  /** By reading key (health/types.ts readingKey). */
  metrics: Record<string, { value: number | boolean | string | null; unit: string; grade: Grade }>;
  /** Whatever is not ok, the worst first. */
  problems: { key: string; grade: Grade; code: string; cause: string; advice: string }[];
}

/** `<root>/telemetry`, not retained: `ts` and numbers by reading key, booleans and states as numbers. */
export type TelemetryPayload = { ts: number } & Record<string, number>;

/** `<root>/device/<id>/state`, retained. Times are epoch milliseconds. */
export interface DeviceStatePayload {
  id: string;
  profile: string | null;
  last_seen: number | null;
  last_message: number | null;
  accepted: number;
  delivered: number;
  failed: number;
  waiting: number;
  tls: string | null;
  grade: Grade;
  grade_num: 0 | 1 | 2;
  problem: { code: string; cause: string; advice: string } | null;
}

/** `<root>/event`, QoS 1, not retained. */
export interface EventPayload {
  /** `<site>-<seq>`: the same event told twice has the same id. */
  id: string;
  seq: number;
  ts: number;
  type: EventRecord['type'];
  data: EventRecord['data'];
}

/** What a signed command says: the claims of the compact JWS on `<root>/cmd/<verb>`. */
export interface CommandClaims {
  site: string;
  verb: string;
  args: Record<string, unknown>;
  /** Unique; the answer goes to `<root>/rsp/<nonce>`. */
  nonce: string;
  /** Seconds, as in RFC 7519. */
  iat: number;
  exp: number;
}

/** `<root>/rsp/<nonce>`. */
export interface ResponsePayload {
  nonce: string;
  verb: string;
  ts: number;
  state: 'accepted' | 'running' | 'succeeded' | 'failed' | 'rejected';
  /** What the command gave, when it succeeded. */
  result: unknown;
  /** Why not, when it failed or was rejected. */
  why: { code: string; cause: string; advice: string } | null;
}

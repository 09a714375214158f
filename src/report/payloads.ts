/** What is published over MQTT: the payload of each topic (design of topics: docs/reference/topics.md). */
import type { EventRecord } from '../core/events.ts';
import type { Grade } from '../health/types.ts';

/** `<root>/status`, plain text, retained; `offline` is also the will. */
export type StatusPayload = 'online' | 'offline';

/** `<root>/info`, retained. */
export interface InfoPayload {
  site: string;
  /** Name for people (`site.name`). */
  name: string;
  /** Version of Scanferry. */
  version: string;
  /** Host name of the box. */
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
  /** The worst of all: `ok`, `warn` or `fail`. */
  grade: Grade;
  grade_num: 0 | 1 | 2;
  /** By key ([metrics](metrics.md)): the name, and for a route or device its id behind it. Of very many devices some are left out. */
  metrics: Record<string, { value: number | boolean | string | null; unit: string; grade: Grade }>;
  /** Whatever is not ok, the worst first, each with a sentence and what to do. */
  problems: { key: string; grade: Grade; code: string; cause: string; advice: string }[];
}

/** `<root>/telemetry`, not retained: `ts` and numbers by reading key, booleans and states as numbers. */
export type TelemetryPayload = { ts: number } & Record<string, number>;

/** `<root>/device/<id>/state`, retained. Times are epoch milliseconds. */
export interface DeviceStatePayload {
  /** As in the config. */
  id: string;
  profile: string | null;
  /** Its latest connection for a message, also one that was refused. */
  last_seen: number | null;
  last_message: number | null;
  /** Messages, since the agent knows the device. */
  accepted: number;
  /** Recipients its messages were delivered to, and failed for. */
  delivered: number;
  failed: number;
  /** Messages that wait. */
  waiting: number;
  /** TLS of its latest message, such as `TLSv1`; `none` for plain text. */
  tls: string | null;
  grade: Grade;
  grade_num: 0 | 1 | 2;
  problem: { code: string; cause: string; advice: string } | null;
}

/** `<root>/event`, QoS 1, not retained. */
export interface EventPayload {
  /** `<site>-<seq>`: the same event told twice has the same id. */
  id: string;
  /** Place in the order. */
  seq: number;
  /** When it happened, epoch milliseconds. */
  ts: number;
  /** One of those below. */
  type: EventRecord['type'];
  data: EventRecord['data'];
}

/** What a signed command says: the claims of the compact JWS on `<root>/cmd/<verb>`. */
export interface CommandClaims {
  /** The site it is for. */
  site: string;
  /** The verb, as in the topic. */
  verb: string;
  args: Record<string, unknown>;
  /** Unique, 8 to 64 letters, digits, `_` and `-`; the answer goes to `rsp/<nonce>`. */
  nonce: string;
  /** When it was signed, and until when it may be obeyed: seconds, as in RFC 7519. */
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

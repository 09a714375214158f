/** What health says: one reading a metric, graded, with a sentence where it is not well. */
import type { Explanation } from '../core/errors.ts';
import type { Refusal } from './sightings.ts';

/** How well something is; the worst reading is the grade of the whole. */
export const GRADES = ['ok', 'warn', 'fail'] as const;
export type Grade = (typeof GRADES)[number];

export type MetricFamily = 'spool' | 'routes' | 'devices' | 'box' | 'broker' | 'agent';

/** The declaration of a metric: said once, shown in docs/reference/metrics.md. */
export interface Metric {
  /** Snake case with its unit last, such as `spool_oldest_age_s`; unique among all families. */
  name: string;
  family: MetricFamily;
  /** Unit of the value: `s`, `bytes`, `percent`, `celsius`, `count`, `bool`, `state`, ... */
  unit: string;
  /** What it is, one sentence. */
  help: string;
}

/** A metric at one moment. */
export interface Reading {
  metric: Metric;
  /** Id of the route or device it speaks of; null where there is only one. */
  of: string | null;
  /** Null where it can't be known now (no sensor, nothing measured yet): that is graded ok. */
  value: number | boolean | string | null;
  grade: Grade;
  /** Why the grade is not ok; null when it is. */
  why: Explanation | null;
}

export interface HealthReport {
  /** Epoch milliseconds. */
  ts: number;
  grade: Grade;
  readings: Reading[];
}

/** How one device has been seen, for its own topic and for the list of devices. */
export interface DeviceHealth {
  id: string;
  address: string | null;
  profile: string | null;
  lastSeenAt: number | null;
  lastMessageAt: number | null;
  /** Since the agent knows the device. */
  accepted: number;
  delivered: number;
  failed: number;
  waiting: number;
  /** TLS of its latest session, such as `TLSv1`; `none` in plain text; null before the first. */
  tls: string | null;
  grade: Grade;
  why: Explanation | null;
}

/** Key of a reading in JSON: the name, and whose it is. Ids hold hyphens, keys do not. */
export function readingKey({ metric, of }: Pick<Reading, 'metric' | 'of'>): string {
  return of === null ? metric.name : `${metric.name}_${of.replaceAll('-', '_')}`;
}

export interface Health {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The latest look at everything; cheap to ask. */
  report(): HealthReport;
  devices(): DeviceHealth[];
  /** Calls back when a grade or a sentence has changed, and at each regular look; returns the unsubscribe. */
  onReport(listener: (report: HealthReport) => void): () => void;
}

/** The room itself, for whoever wants to see how things are at this moment. */
export interface HealthRoom extends Health {
  /** Looks at everything now, after the look under way. */
  look(): Promise<HealthReport>;
  /** The latest refusal since the latest accepted message, or within the history; seen at the latest look. */
  refusalOf(device: { id: string | null; address: string | null }): Refusal | null;
}

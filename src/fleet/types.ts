/** The words of the fleet: how a site stands as seen from the broker. */
import type { Explanation } from '../core/errors.ts';
import type { DeviceHealth, Grade } from '../health/types.ts';

/**
 * Whether a site is there: `silent` says online but sends nothing; `stopped` is off because somebody wanted it;
 * `returning` has not come back yet since the broker was away; `unknown` never said whether it is online.
 */
export type Reach = 'online' | 'silent' | 'offline' | 'stopped' | 'returning' | 'unknown';

/** How a site is shown: its own grade while it is there, `fail` when it is gone, `off` when it was stopped. */
export const LEVELS = ['fail', 'warn', 'ok', 'off'] as const;
export type Level = (typeof LEVELS)[number];

/** One line of the table. Times are epoch milliseconds of this machine, except for `lastSeenAt` of a retained state. */
export interface SiteRow {
  site: string;
  name: string;
  level: Level;
  reach: Reach;
  /** Recipients that wait; null while the site has not told it. */
  queue: number | null;
  /** Age of the oldest that waits, seconds. */
  oldestS: number | null;
  lastSeenAt: number | null;
  version: string;
  /** What is wrong, the worst thing; null when nothing is. */
  problem: Explanation | null;
}

/** One number of health, as a site tells it. */
export interface SiteReading {
  key: string;
  value: number | boolean | string | null;
  unit: string;
  grade: Grade;
}

/** Telemetry of one site, by key. */
export interface SiteNumbers {
  site: string;
  numbers: Record<string, number>;
}

export interface SiteProblem extends Explanation {
  key: string;
  grade: Grade;
}

/** As the site's own health has it. */
export interface SiteDevice extends Omit<DeviceHealth, 'address' | 'why'> {
  problem: Explanation | null;
}

export interface SiteEvent {
  seq: number;
  /** Clock of the site. */
  ts: number;
  type: string;
  data: Record<string, unknown>;
}

/** All that is known of one site. */
export interface SiteDetail extends SiteRow {
  host: string;
  address: string | null;
  startedAt: number | null;
  /** When its health was told, by the clock of the site. */
  healthAt: number | null;
  readings: SiteReading[];
  problems: SiteProblem[];
  devices: SiteDevice[];
}

/** How a site stands at a moment, from what is known of it: pure, so that time alone can change the answer. */
import { LIMITS } from '../core/limits.ts';
import { PROBLEMS } from './problems.ts';
import { isContradicted, type Moment, type SiteRecord } from './site-record.ts';
import type { Level, Reach, SiteRow } from './types.ts';

export interface JudgeSettings {
  /**
   * Since when all of a site's messages could be heard (monotonic): nothing is missed from before it. Null while
   * the broker can't be reached: then nothing can be said about silence.
   */
  listeningSince: number | null;
  /** When the broker was lost last (monotonic); null while it never was. */
  lostAt: number | null;
  /** The same of the first loss of a row of losses in which the sites had no time to come back. */
  unsteadySince: number | null;
  /** Watchers that share the telemetry: of n only one hears each message, so silence has to last longer. */
  isShared: boolean;
}

/** Interval of telemetry where a site does not tell it: the default of `mqtt.telemetrySeconds`. */
const TELEMETRY_MS = 60_000;
/** One message may be late and one be lost (QoS 0) before silence means something. */
const MISSED_MIN = 3;
/** With two watchers, ten messages in a row go to the other one once in a thousand times. */
const MISSED_SHARED_MIN = 10;

/** The line of a site in the table. */
export function judge(record: SiteRecord, now: Moment, settings: JudgeSettings): SiteRow {
  const reach = reachOf(record, now, settings);
  const level = levelOf(record, reach);
  return {
    site: record.site,
    name: record.info?.name ?? record.site,
    level,
    reach,
    queue: record.queue,
    oldestS: record.oldestS,
    lastSeenAt: lastSeenOf(record),
    version: record.info?.version ?? '',
    problem: problemOf(record, reach),
  };
}

function reachOf(record: SiteRecord, now: Moment, settings: JudgeSettings): Reach {
  if (record.status === null) return 'unknown';
  const isOffline = record.status === 'offline' && !isContradicted(record);
  if (isOffline && record.info?.running === false) return 'stopped';
  if (isReturning(record, now, settings)) return 'returning';
  if (isOffline) return isSettled(record, now) ? 'offline' : 'online';
  return isSilent(record, now, settings) ? 'silent' : 'online';
}

/**
 * A broker that goes away takes all sites along: it says `offline` for them, or forgets them. They come back one after
 * the other, so that nothing is wrong with a site before its longest wait is over.
 */
function isReturning(record: SiteRecord, now: Moment, settings: JudgeSettings): boolean {
  const { listeningSince, lostAt, unsteadySince } = settings;
  if (lostAt === null || unsteadySince === null || isHeardSince(record, lostAt)) return false;
  if (listeningSince !== null && now.monotonic - listeningSince >= LIMITS.fleetReturnMs) return false;
  const saidAt = record.statusAt?.monotonic ?? Number.NEGATIVE_INFINITY;
  // While the broker is away, a site is shown as it was, unless the broker said in its last moments that it is gone.
  if (record.status === 'online') return listeningSince !== null && saidAt <= lostAt;
  return saidAt > unsteadySince - LIMITS.fleetOfflineSettleMs;
}

function isHeardSince({ heardAt }: SiteRecord, at: number): boolean {
  return heardAt !== null && heardAt.monotonic > at;
}

/** A will may be late: right after a new connection it is likely that of the one before. */
function isSettled(record: SiteRecord, now: Moment): boolean {
  if (record.isStatusRetained || record.statusAt === null) return true;
  const saidAt = record.statusAt.monotonic;
  const connectedAt = record.connectedAt?.monotonic ?? Number.NEGATIVE_INFINITY;
  const isFresh = saidAt - connectedAt < LIMITS.fleetLateWillMs;
  return now.monotonic - saidAt >= (isFresh ? LIMITS.fleetLateWillMs : LIMITS.fleetOfflineSettleMs);
}

function isSilent(record: SiteRecord, now: Moment, settings: JudgeSettings): boolean {
  const { listeningSince, lostAt, isShared } = settings;
  if (listeningSince === null) return false;
  const heardAt = Math.max(record.heardAt?.monotonic ?? listeningSince, listeningSince);
  // A broker that was killed may still call a site online that has yet to come back.
  const mayReturn = lostAt !== null && !isHeardSince(record, lostAt);
  const silentMs = silentAfterMs(record, isShared);
  return now.monotonic - heardAt > (mayReturn ? Math.max(silentMs, LIMITS.fleetReturnMs) : silentMs);
}

/** How long a site may send nothing before it counts as silent, milliseconds. */
function silentAfterMs(record: SiteRecord, isShared: boolean): number {
  const seconds = record.info?.telemetry_s;
  const intervalMs = seconds === undefined ? TELEMETRY_MS : seconds * 1000;
  const missed = isShared ? MISSED_SHARED_MIN : MISSED_MIN;
  return Math.max(LIMITS.fleetSilentMinMs, missed * intervalMs);
}

function levelOf(record: SiteRecord, reach: Reach): Level {
  switch (reach) {
    case 'offline':
    case 'silent':
      return 'fail';
    case 'stopped':
      return 'off';
    case 'returning':
    case 'unknown':
      return record.grade === 'fail' ? 'fail' : 'warn';
    case 'online':
      return record.grade ?? 'ok';
  }
}

function problemOf(record: SiteRecord, reach: Reach): SiteRow['problem'] {
  if (reach === 'offline') return PROBLEMS.siteOffline();
  if (reach === 'silent') return PROBLEMS.siteSilent();
  if (reach === 'stopped') return PROBLEMS.siteStopped();
  if (reach === 'returning') return PROBLEMS.siteReturning();
  if (reach === 'unknown') return record.worst ?? PROBLEMS.siteUnknown();
  return record.worst;
}

function lastSeenOf({ heardAt, healthAt }: SiteRecord): number | null {
  return heardAt?.wall ?? healthAt;
}

const RANK: Record<Level, number> = { fail: 0, warn: 1, ok: 2, off: 3 };
/** Among sites of one level, one that is gone comes before one that says what is wrong. */
const REACH_RANK: Record<Reach, number> = {
  offline: 0,
  silent: 0,
  returning: 1,
  unknown: 1,
  online: 1,
  stopped: 2,
};

/** Worst first; then what waits longest, then by name. */
export function compareRows(a: SiteRow, b: SiteRow): number {
  return (
    RANK[a.level] - RANK[b.level] ||
    REACH_RANK[a.reach] - REACH_RANK[b.reach] ||
    (b.oldestS ?? 0) - (a.oldestS ?? 0) ||
    (a.site < b.site ? -1 : 1)
  );
}

/**
 * What sites told over time: the peaks of a few numbers and their events.
 *
 * Everything goes through memory and is written every few seconds in one commit. A telemetry message changes two small
 * accumulators; a row is written when its step is over. Nothing here is needed to know how the sites stand now.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../core/durations.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { type HistoryOptions, openHistoryDatabase } from './history-database.ts';
import {
  createHistoryTables,
  type HistoryTables,
  type Peaks,
  type PruneRule,
  type StepRow,
} from './history-tables.ts';
import { SERIES } from './series.ts';
import type { SiteEvent } from './types.ts';

export interface HistorySettings extends HistoryOptions {
  maxBytes: number;
}

/** One point of a curve: the highest value of the step that begins at `ts`. */
export interface Point {
  ts: number;
  value: number;
}

export interface History {
  start(): void;
  /** Writes what waits and closes. */
  stop(): void;
  addTelemetry(site: string, numbers: Record<string, number>): void;
  addEvent(site: string, event: SiteEvent): void;
  /** Points by key since `sinceMs` (epoch), oldest first. */
  curves(site: string, range: Range): Record<string, Point[]>;
  /** Newest first; `before` is the last one of the page before. */
  events(site: string, options: { limit: number; before?: { ts: number; seq: number } }): SiteEvent[];
}

/** Fine for two days, coarse for a month. */
export const RANGES = {
  day: { label: '24 hours', stepMs: 5 * MINUTE_MS, spanMs: DAY_MS, keepMs: 2 * DAY_MS },
  month: { label: '30 days', stepMs: HOUR_MS, spanMs: 30 * DAY_MS, keepMs: 30 * DAY_MS },
} as const;
export type Range = keyof typeof RANGES;

const STEPS = Object.values(RANGES);
const EVENTS_KEEP_MS = 30 * DAY_MS;
/** Sites in one commit: a few milliseconds. */
const PRUNE_SITES = 500;
const SHRINK = 0.8;
const SHARE_MIN = 0.01;
const KEYS: ReadonlySet<string> = new Set(SERIES.map(({ key }) => key));

export interface HistoryDeps {
  clock: Clock;
  log: Log;
  settings: HistorySettings;
}

export function createHistory({ clock, log, settings }: HistoryDeps): History {
  /** The step under way, by step and site. */
  const open = STEPS.map(() => new Map<string, { ts: number; peaks: Peaks }>());
  let rows: StepRow[] = [];
  let events: { site: string; event: SiteEvent }[] = [];
  let tables: HistoryTables | null = null;
  let timer: Timer | null = null;
  const pruner = createPruner(clock, settings.maxBytes);
  let lost = 0;
  /** Until the next beat nothing is written: whoever reads sees what is there. */
  let isFailing = false;

  function use(): HistoryTables {
    tables ??= createHistoryTables(openHistoryDatabase(settings));
    return tables;
  }

  function waiting(): number {
    return rows.length + events.length;
  }

  /** A disk that is full must not end the watching: what waits is kept up to a bound, and the loss is said. */
  function isRoom(): boolean {
    if (waiting() < LIMITS.fleetHistoryRowsWaitingMax) return true;
    lost += 1;
    return false;
  }

  function write(): void {
    if (waiting() === 0) return;
    use().write(rows, events);
    rows = [];
    events = [];
  }

  function attempt(work: () => void): void {
    try {
      work();
      isFailing = false;
    } catch (error) {
      isFailing = true;
      log.error('fleet.history-failed', { error: describeError(error), waiting: waiting(), lost });
    }
  }

  function beat(): void {
    timer = clock.schedule(LIMITS.fleetHistoryWriteEveryMs, beat);
    attempt(() => {
      write();
      pruner.prune(use());
    });
  }

  function toRead(): HistoryTables {
    if (!isFailing) attempt(write);
    return use();
  }

  return {
    start() {
      use();
      timer = clock.schedule(LIMITS.fleetHistoryWriteEveryMs, beat);
    },
    stop() {
      timer?.cancel();
      if (tables === null) return;
      STEPS.forEach(({ stepMs }, index) => {
        for (const [site, { ts, peaks }] of open[index] ?? []) rows.push({ step: stepMs, site, ts, peaks });
        open[index]?.clear();
      });
      attempt(write);
      tables.close();
      tables = null;
    },
    addTelemetry(site, numbers) {
      const now = clock.now();
      STEPS.forEach(({ stepMs }, index) => {
        const bySite = open[index];
        const ts = now - (now % stepMs);
        const current = bySite?.get(site);
        if (current?.ts === ts) {
          raise(current.peaks, numbers);
          return;
        }
        if (current !== undefined && isRoom()) rows.push({ step: stepMs, site, ...current });
        bySite?.set(site, { ts, peaks: raise({}, numbers) });
      });
    },
    addEvent(site, event) {
      if (isRoom()) events.push({ site, event });
    },
    curves(site, range) {
      const { stepMs, spanMs } = RANGES[range];
      const found = toRead().steps(stepMs, site, clock.now() - spanMs);
      const current = open[STEPS.indexOf(RANGES[range])]?.get(site);
      if (current !== undefined) addCurrent(found, current);
      return toCurves(found);
    },
    events(site, options) {
      return toRead().events(site, options);
    },
  };
}

interface Pruner {
  prune(tables: HistoryTables): void;
}

/** Forgets in small steps, site after site; while the file is larger than it may be, sooner. */
function createPruner(clock: Clock, maxBytes: number): Pruner {
  let prunedAt = clock.monotonicMs();
  let after = 0;
  /** Of the time that is kept otherwise. */
  let share = 1;

  function ruleNow(): PruneRule {
    const now = clock.now();
    return {
      steps: STEPS.map(({ stepMs, keepMs }) => ({ step: stepMs, before: now - keepMs * share })),
      eventsBefore: now - EVENTS_KEEP_MS * share,
      eventsPerSite: LIMITS.fleetEventsPerSiteMax,
    };
  }

  return {
    prune(tables) {
      if (clock.monotonicMs() - prunedAt < MINUTE_MS) return;
      prunedAt = clock.monotonicMs();
      const last = tables.prune(ruleNow(), after, PRUNE_SITES);
      after = last ?? 0;
      if (last !== null) return;
      const used = tables.usedBytes();
      if (used > maxBytes) share = Math.max(share * SHRINK, SHARE_MIN);
      else if (used < maxBytes * SHRINK * SHRINK) share = Math.min(share / SHRINK, 1);
    },
  };
}

function raise(peaks: Peaks, numbers: Record<string, number>): Peaks {
  for (const [key, value] of Object.entries(numbers)) {
    if (KEYS.has(key)) peaks[key] = Math.max(peaks[key] ?? value, value);
  }
  return peaks;
}

/** After a restart, the step under way was begun in the file. */
function addCurrent(found: { ts: number; peaks: Peaks }[], current: { ts: number; peaks: Peaks }): void {
  const last = found.at(-1);
  if (last?.ts === current.ts) raise(last.peaks, current.peaks);
  else found.push(current);
}

function toCurves(found: { ts: number; peaks: Peaks }[]): Record<string, Point[]> {
  const curves: Record<string, Point[]> = {};
  for (const { ts, peaks } of found) {
    for (const [key, value] of Object.entries(peaks)) {
      const curve = curves[key] ?? [];
      curve.push({ ts, value });
      curves[key] = curve;
    }
  }
  return curves;
}

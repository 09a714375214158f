/** The statements on the fleet's database. */
import type { Database } from 'better-sqlite3';
import * as z from 'zod';
import type { SiteEvent } from './types.ts';

/** Highest value by key. */
export type Peaks = Record<string, number>;

export interface StepRow {
  /** Length of the step, milliseconds. */
  step: number;
  site: string;
  /** Its beginning. */
  ts: number;
  peaks: Peaks;
}

/** What is too old, in epoch milliseconds. */
export interface PruneRule {
  steps: { step: number; before: number }[];
  eventsBefore: number;
  eventsPerSite: number;
}

export interface HistoryTables {
  /** One commit. A row or an event that is there already is not doubled. */
  write(rows: StepRow[], events: { site: string; event: SiteEvent }[]): void;
  /** Oldest first. */
  steps(step: number, site: string, since: number): { ts: number; peaks: Peaks }[];
  events(site: string, options: { limit: number; before?: { ts: number; seq: number } }): SiteEvent[];
  /** Forgets what is too old of the next sites after `after`, in one commit; returns the last of them, null at the end. */
  prune(rule: PruneRule, after: number, sitesMax: number): number | null;
  usedBytes(): number;
  close(): void;
}

const stepShape = z.object({ ts: z.number(), peaks: z.string() });
const eventRowShape = z.object({ seq: z.number(), ts: z.number(), type: z.string(), data: z.string() });
const peaksShape = z.record(z.string(), z.number());
const dataShape = z.record(z.string(), z.unknown());

export function createHistoryTables(db: Database): HistoryTables {
  const ids = new Map<string, number>();
  const addSite = db.prepare('INSERT INTO sites (site) VALUES (?) ON CONFLICT DO NOTHING');
  const findSite = db.prepare('SELECT id FROM sites WHERE site = ?').pluck();
  const findStep = db.prepare('SELECT peaks FROM numbers WHERE step = ? AND site = ? AND ts = ?').pluck();
  const putStep = db.prepare('INSERT OR REPLACE INTO numbers (step, site, ts, peaks) VALUES (?, ?, ?, ?)');
  const listSteps = db.prepare(
    'SELECT ts, peaks FROM numbers WHERE step = ? AND site = ? AND ts >= ? ORDER BY ts',
  );
  const addEvent = db.prepare(
    'INSERT OR IGNORE INTO events (site, ts, seq, type, data) VALUES (?, ?, ?, ?, ?)',
  );
  const listEvents = db.prepare(
    'SELECT seq, ts, type, data FROM events WHERE site = ? AND (ts, seq) < (?, ?) ORDER BY ts DESC, seq DESC LIMIT ?',
  );
  const dropSteps = db.prepare('DELETE FROM numbers WHERE step = ? AND site = ? AND ts < ?');
  const dropEvents = db.prepare('DELETE FROM events WHERE site = ? AND ts < ?');
  const eventAt = db
    .prepare('SELECT ts FROM events WHERE site = ? ORDER BY ts DESC, seq DESC LIMIT 1 OFFSET ?')
    .pluck();
  const nextSites = db.prepare('SELECT id FROM sites WHERE id > ? ORDER BY id LIMIT ?').pluck();

  function idOf(site: string): number {
    const known = ids.get(site);
    if (known !== undefined) return known;
    addSite.run(site);
    const id = Number(findSite.get(site));
    ids.set(site, id);
    return id;
  }

  function writeStep({ step, site, ts, peaks }: StepRow): void {
    const id = idOf(site);
    // Another watcher, or this one before a restart, may have written a part of the step.
    const before = findStep.get(step, id, ts);
    const merged =
      typeof before === 'string' ? mergePeaks(peaksShape.parse(JSON.parse(before)), peaks) : peaks;
    putStep.run(step, id, ts, JSON.stringify(merged));
  }

  const write = db.transaction((rows: StepRow[], events: { site: string; event: SiteEvent }[]) => {
    for (const row of rows) writeStep(row);
    for (const { site, event } of events) {
      addEvent.run(idOf(site), event.ts, event.seq, event.type, JSON.stringify(event.data));
    }
  });

  function dropOld(rule: PruneRule, site: number): void {
    for (const { step, before } of rule.steps) dropSteps.run(step, site, before);
    const oldestKept = eventAt.get(site, rule.eventsPerSite - 1);
    dropEvents.run(site, Math.max(rule.eventsBefore, Number(oldestKept ?? 0)));
  }

  const prune = db.transaction((rule: PruneRule, sites: number[]) => {
    for (const site of sites) dropOld(rule, site);
  });

  function usedBytes(): number {
    const read = (name: string) => Number(db.pragma(name, { simple: true }));
    return (read('page_count') - read('freelist_count')) * read('page_size');
  }

  return {
    write(rows, events) {
      try {
        write.immediate(rows, events);
      } catch (error) {
        // Ids given out in a transaction that was rolled back don't exist.
        ids.clear();
        throw error;
      }
    },
    steps(step, site, since) {
      const id = findSite.get(site);
      return listSteps.all(step, id ?? -1, since).map((row) => {
        const { ts, peaks } = stepShape.parse(row);
        return { ts, peaks: peaksShape.parse(JSON.parse(peaks)) };
      });
    },
    events(site, { limit, before }) {
      const id = findSite.get(site);
      const from = before ?? { ts: Number.MAX_SAFE_INTEGER, seq: 0 };
      return listEvents.all(id ?? -1, from.ts, from.seq, limit).map((row) => {
        const { data, ...event } = eventRowShape.parse(row);
        return { ...event, data: dataShape.parse(JSON.parse(data)) };
      });
    },
    prune(rule, after, sitesMax) {
      const sites = nextSites.all(after, sitesMax).map(Number);
      prune.immediate(rule, sites);
      return sites.length < sitesMax ? null : (sites.at(-1) ?? null);
    },
    usedBytes,
    close: () => db.close(),
  };
}

function mergePeaks(a: Peaks, b: Peaks): Peaks {
  const merged = { ...a };
  for (const [key, value] of Object.entries(b)) merged[key] = Math.max(merged[key] ?? value, value);
  return merged;
}

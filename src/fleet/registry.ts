/** All sites of a broker in memory: takes messages in, and says how every site stands. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { parseTopic } from '../report/topics.ts';
import { compareRows, type JudgeSettings, judge } from './judge.ts';
import { isSiteId } from './parse.ts';
import { detailOf } from './site-detail.ts';
import { applyMessage, createRecord, type Moment, type SiteMessage, type SiteRecord } from './site-record.ts';
import type { SiteDetail, SiteNumbers, SiteRow } from './types.ts';

export interface Registry {
  /** Takes a message of any topic in; null for one that says nothing about a site, or can't be read. */
  take(topic: string, payload: string, isRetained: boolean): { site: string; message: SiteMessage } | null;
  /** How every site stands now, worst first. Computed once a look (`look`), however often it is asked for. */
  rows(): readonly SiteRow[];
  row(site: string): SiteRow | null;
  detail(site: string): SiteDetail | null;
  /** What sites last told as numbers. */
  telemetry(): IterableIterator<SiteNumbers>;
  /** Judges every site again; true when any line has changed. */
  look(settings: JudgeSettings): boolean;
  /** Changes with every message that was taken. */
  version(): number;
  /** Messages that could not be read, and sites that there was no room for. */
  refused(): { unreadable: number; sites: number };
}

export function createRegistry(clock: Clock): Registry {
  const records = new Map<string, SiteRecord>();
  const refused = { unreadable: 0, sites: 0 };
  let rows: SiteRow[] = [];
  let bySite = new Map<string, SiteRow>();
  let settings: JudgeSettings = {
    ...{ listeningSince: null, lostAt: null, unsteadySince: null, isShared: false },
  };
  let version = 0;

  function now(): Moment {
    return { wall: clock.now(), monotonic: clock.monotonicMs() };
  }

  function recordOf(site: string): SiteRecord | null {
    const known = records.get(site);
    if (known !== undefined) return known;
    if (records.size >= LIMITS.fleetSitesMax) {
      refused.sites += 1;
      return null;
    }
    const record = createRecord(site);
    records.set(site, record);
    return record;
  }

  function apply(site: string, message: SiteMessage): boolean {
    // Whoever clears a site at the broker clears its status too (docs/howto/watch-many-sites.md).
    if (message.payload === '' && message.kind !== 'device') {
      return message.kind === 'status' && records.delete(site);
    }
    const record = recordOf(site);
    if (record === null) return false;
    const isTaken = applyMessage(record, message, now());
    if (!isTaken) refused.unreadable += 1;
    return isTaken;
  }

  return {
    take(topic, payload, isRetained) {
      const parsed = parseTopic(topic);
      if (parsed === null || !isSiteId(parsed.site)) return null;
      const { site, kind, id } = parsed;
      if (kind === 'command' || kind === 'response' || kind === 'button') return null;
      const message: SiteMessage = { kind, id, payload, isRetained };
      if (!apply(site, message)) return null;
      version += 1;
      return { site, message };
    },
    rows: () => rows,
    row: (site) => bySite.get(site) ?? null,
    detail(site) {
      const record = records.get(site);
      return record === undefined ? null : detailOf(record, judge(record, now(), settings));
    },
    *telemetry() {
      for (const { site, numbers } of records.values()) if (numbers !== null) yield { site, numbers };
    },
    look(next) {
      settings = next;
      const before = bySite;
      const at = now();
      rows = [...records.values()].map((record) => judge(record, at, settings)).sort(compareRows);
      bySite = new Map(rows.map((row) => [row.site, row]));
      return before.size !== bySite.size || rows.some((row) => !isSame(before.get(row.site), row));
    },
    version: () => version,
    refused: () => ({ ...refused }),
  };
}

function isSame(before: SiteRow | undefined, row: SiteRow): boolean {
  return (
    before !== undefined &&
    before.level === row.level &&
    before.reach === row.reach &&
    before.queue === row.queue &&
    before.oldestS === row.oldestS &&
    before.lastSeenAt === row.lastSeenAt &&
    before.name === row.name &&
    before.version === row.version &&
    before.problem?.cause === row.problem?.cause
  );
}

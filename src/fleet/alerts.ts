/** Tells when a site goes down and when it is back: once each, and not before it is certain. */
import type { Explanation } from '../core/errors.ts';
import { PROBLEMS } from './problems.ts';
import type { SiteRow } from './types.ts';

export interface Alert {
  /** Epoch milliseconds. */
  ts: number;
  site: string;
  name: string;
  /** `recovered` follows each of the others once. */
  kind: 'offline' | 'silent' | 'failing' | 'recovered';
  /** What is wrong; of a recovery, what was. */
  problem: Explanation;
}

export interface Alerts {
  /** Compares the lines with what was last told. */
  look(rows: readonly SiteRow[], now: number): Alert[];
}

type Trouble = Exclude<Alert['kind'], 'recovered'>;

export function createAlerts(): Alerts {
  const told = new Map<string, { kind: Trouble; problem: Explanation }>();

  function change(row: SiteRow): Pick<Alert, 'kind' | 'problem'> | null {
    // Neither worse nor better than before, as long as nobody knows.
    if (row.reach === 'returning') return null;
    const before = told.get(row.site);
    const kind = troubleOf(row);
    if (kind === null) {
      if (before === undefined) return null;
      told.delete(row.site);
      return { kind: 'recovered', problem: before.problem };
    }
    const problem = row.problem ?? PROBLEMS.siteUnknown();
    told.set(row.site, { kind, problem });
    return before?.kind === kind ? null : { kind, problem };
  }

  return {
    look(rows, now) {
      forgetOthers(told, rows);
      return rows.flatMap((row) => {
        const changed = change(row);
        return changed === null ? [] : [{ ts: now, site: row.site, name: row.name, ...changed }];
      });
    },
  };
}

/** Sites that were taken away at the broker. */
function forgetOthers(told: Map<string, unknown>, rows: readonly SiteRow[]): void {
  if (told.size === 0) return;
  const sites = new Set(rows.map(({ site }) => site));
  for (const site of told.keys()) if (!sites.has(site)) told.delete(site);
}

/** A site that was stopped on purpose is no trouble. */
function troubleOf({ reach, level }: SiteRow): Trouble | null {
  if (reach === 'offline' || reach === 'silent') return reach;
  return level === 'fail' ? 'failing' : null;
}

/** One line for people and logs; `time` is how the moment is written. */
export function formatAlert(alert: Alert, time = new Date(alert.ts).toISOString()): string {
  const name = alert.name === alert.site ? alert.site : `${alert.site} (${alert.name})`;
  return alert.kind === 'recovered'
    ? `${time} RECOVERED ${name}: this is over: ${alert.problem.cause}`
    : `${time} ALERT ${name} ${alert.kind}: ${alert.problem.cause}`;
}

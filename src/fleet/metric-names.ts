/** What a key of health or telemetry is about: the metric that it names, and whose it is. */
import { METRICS } from '../health/index.ts';
import type { MetricDescription } from '../health/metric.ts';

export interface NamedKey {
  metric: MetricDescription;
  /** Route or device, with underscores for hyphens; null where there is only one. */
  of: string | null;
}

const single = new Map(METRICS.filter(({ each }) => each === null).map((metric) => [metric.name, metric]));
/** A name may begin with another one: the longest that fits is meant. */
const several = METRICS.filter(({ each }) => each !== null).sort((a, b) => b.name.length - a.name.length);

/** Keys come again with every message of every site. */
const known = new Map<string, NamedKey | null>();
const KNOWN_MAX = 50_000;

/** The metric of a key; null for one that this version does not know. */
export function metricOf(key: string): NamedKey | null {
  const found = known.get(key);
  if (found !== undefined) return found;
  const named = findMetric(key);
  if (known.size < KNOWN_MAX) known.set(key, named);
  return named;
}

function findMetric(key: string): NamedKey | null {
  const metric = single.get(key);
  if (metric !== undefined) return { metric, of: null };
  const one = several.find(({ name }) => key.startsWith(`${name}_`));
  return one === undefined ? null : { metric: one, of: key.slice(one.name.length + 1) };
}

/** For people: `oldest age` for `spool_oldest_age_s`. */
export function labelOf(key: string): { family: string; label: string; of: string | null } {
  const named = metricOf(key);
  if (named === null) {
    const [family = key, ...rest] = key.split('_');
    return { family, label: rest.join(' ') || key, of: null };
  }
  const { name, family, unit } = named.metric;
  const words = name.split('_').slice(1);
  if (words.length > 1 && words.at(-1) === unit) words.pop();
  return { family, label: words.join(' '), of: named.of };
}

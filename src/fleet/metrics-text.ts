/**
 * All sites as Prometheus reads them (text format 0.0.4), in pieces, so that ten thousand sites are not one huge string.
 *
 * Names follow Prometheus (seconds, ratios, no `_count`), so they differ from the keys over MQTT.
 */
import { METRICS } from '../health/index.ts';
import type { MetricDescription } from '../health/metric.ts';
import { metricOf, type NamedKey } from './metric-names.ts';
import { LEVELS, type SiteNumbers, type SiteRow } from './types.ts';

export interface MetricsSource {
  rows: readonly SiteRow[];
  /** Latest telemetry of each site. */
  telemetry(): Iterable<SiteNumbers>;
  isConnected: boolean;
  refused: { unreadable: number; sites: number };
}

/** Sites between two breaths. */
const SLICE = 200;

/** The pieces of the answer; between them others get their turn. */
export async function* metricsText(source: MetricsSource): AsyncGenerator<string> {
  yield fleetText(source);
  yield sitesText(source.rows);
  const { lines, unknown } = await readNumbers(source.telemetry());
  for (const metric of METRICS) {
    const own = lines.get(metric.name);
    if (own === undefined) continue;
    const { name, help } = prometheusOf(metric);
    yield head(name, 'gauge', help);
    yield* own.full;
    yield own.open;
  }
  yield `${head('scanferry_fleet_unknown_numbers', 'gauge', 'Numbers of sites that this version does not know and leaves out.')}scanferry_fleet_unknown_numbers ${unknown}\n`;
}

function fleetText({ rows, isConnected, refused }: MetricsSource): string {
  const counts = LEVELS.map(
    (level) =>
      `scanferry_fleet_sites{level="${level}"} ${rows.filter((row) => row.level === level).length}\n`,
  );
  return [
    head('scanferry_fleet_broker_up', 'gauge', 'Whether the fleet is connected to the broker.'),
    `scanferry_fleet_broker_up ${isConnected ? 1 : 0}\n`,
    head('scanferry_fleet_sites', 'gauge', 'Sites by how they stand.'),
    ...counts,
    head('scanferry_fleet_unreadable_messages_total', 'counter', 'Messages of sites that could not be read.'),
    `scanferry_fleet_unreadable_messages_total ${refused.unreadable}\n`,
    head(
      'scanferry_fleet_refused_messages_total',
      'counter',
      'Messages of sites that there was no room for.',
    ),
    `scanferry_fleet_refused_messages_total ${refused.sites}\n`,
  ].join('');
}

interface SiteMetric {
  name: string;
  help: string;
  /** Null leaves the site out. */
  value(row: SiteRow): number | null;
}

const SITE_METRICS: readonly SiteMetric[] = [
  {
    name: 'scanferry_site_up',
    help: 'Whether the site is online and heard of.',
    value: ({ reach }) => (reach === 'online' ? 1 : 0),
  },
  {
    name: 'scanferry_site_stopped',
    help: 'Whether its agent was stopped on purpose.',
    value: ({ reach }) => (reach === 'stopped' ? 1 : 0),
  },
  {
    name: 'scanferry_site_grade',
    help: 'How the site stands: 0 ok, 1 warn, 2 fail; a site that is gone has 2, a stopped one none.',
    value: ({ level }) => ({ ok: 0, warn: 1, fail: 2, off: null })[level],
  },
  {
    name: 'scanferry_site_last_seen_timestamp_seconds',
    help: 'When the site was last heard of.',
    value: ({ lastSeenAt }) => (lastSeenAt === null ? null : lastSeenAt / 1000),
  },
];

function sitesText(rows: readonly SiteRow[]): string {
  const info = rows.map(
    ({ site, name, version }) =>
      `scanferry_site_info{site="${label(site)}",name="${label(name)}",version="${label(version)}"} 1\n`,
  );
  const metrics = SITE_METRICS.map(({ name, help, value }) => {
    const lines = rows.map((row) => {
      const number = value(row);
      return number === null ? '' : `${name}{site="${label(row.site)}"} ${number}\n`;
    });
    return `${head(name, 'gauge', help)}${lines.join('')}`;
  });
  return [head('scanferry_site_info', 'gauge', 'Name and version of the site.'), ...info, ...metrics].join(
    '',
  );
}

/** Lines by metric: all of one metric must stand together in the answer. */
async function readNumbers(
  telemetry: Iterable<SiteNumbers>,
): Promise<{ lines: Map<string, Chunks>; unknown: number }> {
  const lines = new Map<string, Chunks>();
  let unknown = 0;
  let count = 0;
  for (const { site, numbers } of telemetry) {
    const mark = label(site);
    for (const key in numbers) {
      const shape = key === 'ts' ? undefined : shapeOf(key);
      if (shape === undefined) continue;
      if (shape === null) unknown += 1;
      else append(lines, shape, `${shape.before}${mark}${shape.after}${(numbers[key] ?? 0) * shape.scale}\n`);
    }
    count += 1;
    if (count % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { lines, unknown };
}

/** What stands around the site and the value in a line. */
interface LineShape {
  metric: string;
  before: string;
  after: string;
  scale: number;
}

/** A million lines are made of some hundred keys; a site can invent others, and those are not kept. */
const shapes = new Map<string, LineShape | null>();
const SHAPES_MAX = 50_000;

function shapeOf(key: string): LineShape | null {
  const known = shapes.get(key);
  if (known !== undefined) return known;
  const named = metricOf(key);
  const shape = named === null ? null : makeShape(named);
  if (shapes.size < SHAPES_MAX) shapes.set(key, shape);
  return shape;
}

function makeShape({ metric, of }: NamedKey): LineShape {
  const { name, scale } = prometheusOf(metric);
  const owner = of === null ? '' : `,${metric.each ?? 'of'}="${label(of)}"`;
  return { metric: metric.name, before: `${name}{site="`, after: `"${owner}} `, scale };
}

/** Text in pieces that a socket likes: a line a piece would take many times as long to send. */
interface Chunks {
  full: string[];
  open: string;
}

const CHUNK_CHARS = 65_536;

function append(lines: Map<string, Chunks>, { metric }: LineShape, text: string): void {
  const own = lines.get(metric);
  if (own === undefined) {
    lines.set(metric, { full: [], open: text });
    return;
  }
  own.open += text;
  if (own.open.length < CHUNK_CHARS) return;
  own.full.push(own.open);
  own.open = '';
}

/** Unit of ours → suffix and factor of Prometheus (https://prometheus.io/docs/practices/naming/). */
const UNITS: Record<string, { suffix: string; scale: number }> = {
  s: { suffix: '_seconds', scale: 1 },
  ms: { suffix: '_seconds', scale: 0.001 },
  percent: { suffix: '_ratio', scale: 0.01 },
  count: { suffix: '', scale: 1 },
};

const made = new Map<string, { name: string; help: string; scale: number }>();

/** Name, help and factor of a metric in Prometheus. */
export function prometheusOf(metric: MetricDescription): { name: string; help: string; scale: number } {
  const before = made.get(metric.name);
  if (before !== undefined) return before;
  const unit = UNITS[metric.unit];
  const bare =
    unit !== undefined && metric.name.endsWith(`_${metric.unit}`)
      ? `${metric.name.slice(0, -metric.unit.length - 1)}${unit.suffix}`
      : metric.name;
  const result = { name: `scanferry_${bare}`, help: metric.help, scale: unit?.scale ?? 1 };
  made.set(metric.name, result);
  return result;
}

function head(name: string, type: 'gauge' | 'counter', help: string): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
}

/** Backslash, quote and line feed are escaped in a label (exposition format, "Comments, help text, and type information"). */
function label(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

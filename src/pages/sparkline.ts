/** A small curve as SVG, drawn on the server: no script, no library, and it prints. */
import { type Html, html } from './html.ts';

export interface SparklinePoint {
  ts: number;
  value: number;
}

export interface SparklineOptions {
  /** Left and right end, epoch milliseconds. */
  from: number;
  to: number;
  /** A pause longer than this between two points leaves a gap. */
  gapMs: number;
  /** What a screen reader says. */
  label: string;
  width?: number;
  height?: number;
}

const PAD = 2;
/** Two peaks nearer than this, in units of the drawing, would be one smear: of them the higher is drawn. */
const PEAK_WIDTH = 3;

/** The curve with zero at its foot, unless all values lie far from it. */
export function sparkline(points: readonly SparklinePoint[], options: SparklineOptions): Html {
  const { from, to, label, width = 240, height = 48 } = options;
  const scale = scaleOf(points);
  const foot = height - PAD;
  const place = ({ ts, value }: SparklinePoint): Place => ({
    x: PAD + ((ts - from) / (to - from)) * (width - 2 * PAD),
    y: foot - ((value - scale.low) / (scale.high - scale.low)) * (height - 2 * PAD),
  });
  const runs = splitAtGaps(points, options.gapMs).map((run) => thin(run.map(place)));
  const line = runs.map(lineOf).join('');
  const area = runs.map((run) => areaOf(run, foot)).join('');
  const end = runs.at(-1)?.at(-1);
  // A stroke of no length with a round end: a circle would be stretched with the rest.
  return html`<svg class="spark" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}" preserveAspectRatio="none"><path class="area" d="${area}"/><path d="${line}" vector-effect="non-scaling-stroke"/>${
    end !== undefined && html`<path class="end" d="M${textOf(end)}h0" vector-effect="non-scaling-stroke"/>`
  }</svg>`;
}

interface Place {
  x: number;
  y: number;
}

/** The highest place of each stretch, and the last one, which is now. */
function thin(places: readonly Place[]): Place[] {
  const stretches = Map.groupBy(places, ({ x }) => Math.floor(x / PEAK_WIDTH));
  const peaks = [...stretches.values()].map((stretch) => stretch.reduce((a, b) => (b.y < a.y ? b : a)));
  const last = places.at(-1);
  return last === undefined || peaks.at(-1) === last ? peaks : [...peaks, last];
}

/** One place alone would have no length: a short stroke shows it. */
function lineOf(run: readonly Place[]): string {
  const places = run.map(textOf);
  return places.length === 1 ? `M${places[0]}h1` : `M${places.join('L')}`;
}

function areaOf(run: readonly Place[], foot: number): string {
  const [first, last] = [run[0], run.at(-1)];
  if (first === undefined || last === undefined) return '';
  return `M${textOf({ x: first.x, y: foot })}L${run.map(textOf).join('L')}L${textOf({ x: last.x, y: foot })}Z`;
}

function textOf({ x, y }: Place): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

function scaleOf(points: readonly SparklinePoint[]): { low: number; high: number } {
  const values = points.map(({ value }) => value);
  const high = values.reduce((a, b) => Math.max(a, b), 0);
  const least = values.reduce((a, b) => Math.min(a, b), high);
  // A temperature between 48 and 52 would be a flat line over zero.
  const low = least > high / 2 ? least - (high - least) * 0.5 - 1 : Math.min(least, 0);
  return { low, high: high === low ? low + 1 : high };
}

function splitAtGaps(points: readonly SparklinePoint[], gapMs: number): SparklinePoint[][] {
  const runs: SparklinePoint[][] = [];
  for (const point of points) {
    const run = runs.at(-1);
    const before = run?.at(-1);
    if (run === undefined || before === undefined || point.ts - before.ts > gapMs) runs.push([point]);
    else run.push(point);
  }
  return runs;
}

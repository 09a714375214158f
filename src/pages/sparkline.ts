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

/** The curve with zero at its foot, unless all values lie far from it. */
export function sparkline(points: readonly SparklinePoint[], options: SparklineOptions): Html {
  const { from, to, label, width = 240, height = 48 } = options;
  const scale = scaleOf(points);
  const place = ({ ts, value }: SparklinePoint) => {
    const x = PAD + ((ts - from) / (to - from)) * (width - 2 * PAD);
    const y = height - PAD - ((value - scale.low) / (scale.high - scale.low)) * (height - 2 * PAD);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  };
  const runs = splitAtGaps(points, options.gapMs);
  const line = runs.map((run) => `M${lineOf(run, place)}`).join('');
  const last = points.at(-1);
  const [x, y] = last === undefined ? [] : place(last).split(' ');
  return html`<svg class="spark" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}" preserveAspectRatio="none"><path d="${line}" vector-effect="non-scaling-stroke"/>${
    x !== undefined && html`<circle cx="${x}" cy="${y ?? ''}" r="2"/>`
  }</svg>`;
}

/** One point alone would have no length: a short stroke shows it. */
function lineOf(run: readonly SparklinePoint[], place: (point: SparklinePoint) => string): string {
  const places = run.map(place);
  return places.length === 1 ? `${places[0]}h1` : places.join('L');
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

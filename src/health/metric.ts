/** How a metric is declared: name, value, the rule that grades it, and the words of that rule for the reference. */
import type { Explanation } from '../core/errors.ts';
import type { Grade, Metric, MetricFamily, Reading } from './types.ts';

export type Value = Reading['value'];

/** A grade that is not ok, with its sentence. */
export interface Verdict {
  grade: Exclude<Grade, 'ok'>;
  why: Explanation;
}

/** The rule that grades a value, and the same rule in words. */
export interface Rule<S> {
  words: string;
  /** Null when all is well. Not asked about a value that is null. */
  judge(value: NonNullable<Value>, seen: S): Verdict | null;
}

/** One row of a family's table; `S` is what the family has seen. */
export interface MetricRow<S> {
  name: string;
  unit: string;
  help: string;
  value(seen: S): Value;
  /** Left out for what is only told. */
  rule?: Rule<S>;
}

/** All metrics of one kind of thing. */
export interface Family<S> {
  name: MetricFamily;
  /** Of what there may be several, such as `route`; null where there is only one. */
  each: 'route' | 'device' | null;
  rows: readonly MetricRow<S>[];
  /** The readings of one thing; `of` is its id where there are several. */
  read(seen: S, of: string | null): Reading[];
}

/** A row as the reference shows it. */
export interface MetricDescription extends Metric {
  each: Family<never>['each'];
  graded: string;
}

/** Makes a family of its rows. */
export function family<S>(
  name: MetricFamily,
  each: Family<S>['each'],
  rows: readonly MetricRow<S>[],
): Family<S> {
  const declared = rows.map((row) => ({
    row,
    metric: { name: row.name, family: name, unit: row.unit, help: row.help },
  }));
  return {
    name,
    each,
    rows,
    read: (seen, of) => declared.map(({ row, metric }) => readingOf(row, metric, { seen, of })),
  };
}

function readingOf<S>(
  row: MetricRow<S>,
  metric: Metric,
  { seen, of }: { seen: S; of: string | null },
): Reading {
  const given = row.value(seen);
  // A sensor that gives no number is a sensor that can't be read.
  const value = typeof given === 'number' && !Number.isFinite(given) ? null : given;
  const verdict = value === null ? null : (row.rule?.judge(value, seen) ?? null);
  return { metric, of, value, grade: verdict?.grade ?? 'ok', why: verdict?.why ?? null };
}

/** The rows of a family for the reference. */
export function describeFamily<S>({ name, each, rows }: Family<S>): MetricDescription[] {
  return rows.map((row) => ({
    ...{ name: row.name, family: name, unit: row.unit, help: row.help, each },
    graded: row.rule?.words ?? '',
  }));
}

/** Two bounds; one that is left out is never reached. */
export interface Bounds {
  warn?: number;
  fail?: number;
}

type NumberSentence<S> = (value: number, seen: S) => Explanation;

/** Not ok from a bound upwards. */
export function from<S>(bounds: Bounds, why: NumberSentence<S>): Rule<S> {
  return byBounds(bounds, 'from', { why, isReached: (value, bound) => value >= bound });
}

/** Not ok below a bound. */
export function below<S>(bounds: Bounds, why: NumberSentence<S>): Rule<S> {
  return byBounds(bounds, 'below', { why, isReached: (value, bound) => value < bound });
}

/** Not ok when the claim has this truth. */
export function when<S>(truth: boolean, grade: Verdict['grade'], why: (seen: S) => Explanation): Rule<S> {
  return {
    words: `${grade} when ${truth}`,
    judge: (value, seen) => (value === truth ? { grade, why: why(seen) } : null),
  };
}

interface Comparison<S> {
  why: NumberSentence<S>;
  isReached(value: number, bound: number): boolean;
}

function byBounds<S>({ warn, fail }: Bounds, word: string, { why, isReached }: Comparison<S>): Rule<S> {
  const parts = [
    ...(warn === undefined ? [] : [`warn ${word} ${warn}`]),
    ...(fail === undefined ? [] : [`fail ${word} ${fail}`]),
  ];
  return {
    words: parts.join(', '),
    judge(given, seen) {
      const value = Number(given);
      if (fail !== undefined && isReached(value, fail)) return { grade: 'fail', why: why(value, seen) };
      if (warn !== undefined && isReached(value, warn)) return { grade: 'warn', why: why(value, seen) };
      return null;
    },
  };
}

/** The worst of these grades. */
export function worst(grades: Iterable<Grade>): Grade {
  let found: Grade = 'ok';
  for (const grade of grades) {
    if (grade === 'fail') return 'fail';
    if (grade === 'warn') found = 'warn';
  }
  return found;
}

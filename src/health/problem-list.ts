/** Whatever is not ok in a report, the worst first. */
import { type Grade, type HealthReport, readingKey } from './types.ts';

export interface HealthProblem {
  /** Key of the reading (readingKey). */
  key: string;
  grade: Exclude<Grade, 'ok'>;
  code: string;
  cause: string;
  advice: string;
}

/** The problems of a report, the worst first, else in the order of the families; a sentence that several readings give is there once. */
export function problemsOf({ readings }: HealthReport): HealthProblem[] {
  const found = readings.flatMap((reading): HealthProblem[] => {
    const { grade, why } = reading;
    if (grade === 'ok' || why === null) return [];
    const { code, cause, advice } = why;
    return [{ key: readingKey(reading), grade, code, cause, advice }];
  });
  const sorted = [
    ...found.filter(({ grade }) => grade === 'fail'),
    ...found.filter(({ grade }) => grade === 'warn'),
  ];
  const told = new Set<string>();
  return sorted.filter(({ cause }) => !told.has(cause) && told.add(cause));
}

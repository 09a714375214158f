/** The ways to say what a check has found. */
import type { Explanation } from '../core/errors.ts';
import type { Grade } from '../health/types.ts';
import type { Finding } from './types.ts';

export function ok(name: string, text: string, detail: string[] = []): Finding {
  return { name, grade: 'ok', text, why: null, detail };
}

export function warn(name: string, text: string, why: Explanation, detail: string[] = []): Finding {
  return { name, grade: 'warn', text, why, detail };
}

export function fail(name: string, text: string, why: Explanation, detail: string[] = []): Finding {
  return { name, grade: 'fail', text, why, detail };
}

export function graded(
  grade: Exclude<Grade, 'ok'>,
  { name, text, why, detail = [] }: { name: string; text: string; why: Explanation; detail?: string[] },
): Finding {
  return { name, grade, text, why, detail };
}

/** What can be wrong with a config, and how it is said: file, line, key, what was expected. */

export interface ConfigProblem {
  severity: 'error' | 'warning';
  file: string;
  /** 1-based; null where the problem has no place in the file. */
  line: number | null;
  /** Dotted key such as `intake.listeners[0].tls`; '' for the whole file. */
  key: string;
  message: string;
}

export type ConfigPath = readonly PropertyKey[];

/** `['intake', 'listeners', 0, 'tls']` as `intake.listeners[0].tls`. */
export function formatKey(path: ConfigPath): string {
  let key = '';
  for (const part of path) {
    if (typeof part === 'number') key += `[${part}]`;
    else key += key === '' ? String(part) : `.${String(part)}`;
  }
  return key;
}

/** One line for a terminal. */
export function formatProblem(problem: ConfigProblem): string {
  const place = problem.line === null ? problem.file : `${problem.file}:${problem.line}`;
  const key = problem.key === '' ? '' : ` ${problem.key}:`;
  const label = problem.severity === 'error' ? 'error' : 'warning';
  return `${place}: ${label}:${key} ${problem.message}`;
}

/** A log that keeps its lines for the test to read and prints nothing. */
import type { Log, LogFields } from '../../src/core/log.ts';

export interface QuietLog extends Log {
  lines: { level: string; event: string; fields: LogFields }[];
}

export function createQuietLog(): QuietLog {
  const lines: QuietLog['lines'] = [];
  const make = (base: LogFields): QuietLog => {
    const at = (level: string) => (event: string, fields?: LogFields) => {
      lines.push({ level, event, fields: { ...base, ...fields } });
    };
    return {
      lines,
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => make({ ...base, ...fields }),
    };
  };
  return make({});
}

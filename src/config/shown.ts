/** A config as it may be shown to others: without its secrets, also where it is not valid. */
import { readFileSync } from 'node:fs';
import { describeError } from '../core/log.ts';
import { isRecord, walk } from './resolve.ts';
import { configSchema } from './schema.ts';
import { readYaml } from './yaml-file.ts';

/** Stands where a secret was written into the config itself. */
const MASK = '[secret]';
/** A key that is not known may be a misspelt one of a secret. */
const UNKNOWN = '[left out: this key is not known]';

export type ShownConfig = { data: unknown } | { problem: string };

/** Reads the file; a secret is shown by where it is kept, never by its value. Never throws. */
export function showConfig(file: string): ShownConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { problem: `the config can't be read: ${describeError(error)}` };
  }
  const { data } = readYaml(file, text);
  if (!isRecord(data)) return { problem: 'the config is no YAML with keys in it' };
  return {
    data: walk(configSchema(), data, [], {
      file: (raw) => (typeof raw === 'string' && !raw.includes('\n') ? raw : UNKNOWN),
      secret: showSecret,
      unknown: () => UNKNOWN,
    }),
  };
}

const PLACES = ['secret', 'file', 'env'];

function showSecret(raw: unknown): unknown {
  if (!isRecord(raw)) return MASK;
  const [[kind = '', place] = [], ...more] = Object.entries(raw);
  return more.length === 0 && PLACES.includes(kind) && typeof place === 'string' ? { [kind]: place } : MASK;
}

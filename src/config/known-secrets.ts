/** Every secret that this box can read, so that what leaves it can be looked through for them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describeError } from '../core/log.ts';
import { isRecord, walk } from './resolve.ts';
import { configSchema } from './schema.ts';
import { openSecretStore } from './secret-store.ts';
import { readYaml } from './yaml-file.ts';

export interface KnownSecrets {
  values: string[];
  /** Why some could not be read, one sentence each. */
  problems: string[];
}

export interface SecretPlaces {
  /** The config file. */
  file: string;
  dataDir: string;
  env: Record<string, string | undefined>;
}

/** Reads the store, and what the config names or holds, also where it is not valid. Never throws. */
export function readKnownSecrets(places: SecretPlaces): KnownSecrets {
  const problems: string[] = [];
  const read = (what: string, work: () => (string | undefined)[]): string[] => {
    try {
      return work().filter((value) => value !== undefined && value !== '') as string[];
    } catch (error) {
      problems.push(`${what}: ${describeError(error)}`);
      return [];
    }
  };
  const stored = read('the stored secrets', () => {
    const store = openSecretStore(places.dataDir);
    return store.names().map((name) => store.read(name));
  });
  const inConfig = read('the config', () => secretsOfConfig(places, read));
  return { values: [...new Set([...stored, ...inConfig])], problems };
}

function secretsOfConfig(
  { file, env }: SecretPlaces,
  read: (what: string, work: () => (string | undefined)[]) => string[],
): string[] {
  const { data } = readYaml(file, readFileSync(file, 'utf8'));
  const found: string[] = [];
  const takeAll = (raw: unknown): void => {
    if (typeof raw === 'string') found.push(raw);
    else if (typeof raw === 'object' && raw !== null) Object.values(raw).forEach(takeAll);
  };
  walk(configSchema(), data, [], {
    file: (raw) => raw,
    // A key that is not known may be a misspelt one of a secret; its own words can't be told from it.
    unknown: (raw) => raw,
    secret(raw) {
      if (!isRecord(raw)) return takeAll(raw);
      const { file: place, env: name } = raw;
      if (typeof name === 'string') found.push(env[name] ?? '');
      else if (typeof place === 'string') {
        const whole = path.resolve(path.dirname(file), place);
        found.push(...read(`the file ${whole}`, () => [readFileSync(whole, 'utf8').trim()]));
      } else if (raw['secret'] === undefined) takeAll(raw);
    },
  });
  return found;
}

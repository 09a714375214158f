/** Where the config and the data folder are: command line, then environment, then the usual places. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isRecord } from './resolve.ts';
import { configSchema } from './schema.ts';
import { readYaml } from './yaml-file.ts';

export interface LocateOptions {
  config?: string | undefined;
  data?: string | undefined;
  env: Record<string, string | undefined>;
}

const DEFAULT_CONFIG = '/etc/scanferry/scanferry.yaml';
const DEFAULT_DATA_DIR = configSchema.shape.dataDir.def.defaultValue;

export function locateConfig(options: LocateOptions): string {
  return path.resolve(options.config ?? options.env['SCANFERRY_CONFIG'] ?? DEFAULT_CONFIG);
}

/** The data folder given on the command line or in the environment, if any. */
export function givenDataDir(options: LocateOptions): string | undefined {
  return options.data ?? options.env['SCANFERRY_DATA'];
}

/** The data folder for commands that only talk to a running agent: the config need not be valid for that. */
export function locateDataDir(options: LocateOptions): string {
  const given = givenDataDir(options);
  if (given !== undefined) return path.resolve(given);
  const file = locateConfig(options);
  try {
    const { data } = readYaml(file, readFileSync(file, 'utf8'));
    const named = isRecord(data) ? data['dataDir'] : undefined;
    return typeof named === 'string' ? path.resolve(path.dirname(file), named) : DEFAULT_DATA_DIR;
  } catch {
    // No config: an agent of the default folder may still run; the call that follows says so if not.
    return DEFAULT_DATA_DIR;
  }
}

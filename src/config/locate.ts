/** Where the config and the data folder are: command line, then environment, then the usual places. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isMissing, OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { PROBLEMS } from './errors.ts';
import { formatProblem } from './problems.ts';
import { isRecord } from './resolve.ts';
import { DEFAULT_DATA_DIR } from './schema.ts';
import { readYaml } from './yaml-file.ts';

export interface LocateOptions {
  config?: string | undefined;
  data?: string | undefined;
  env: Record<string, string | undefined>;
}

const DEFAULT_CONFIG = '/etc/scanferry/scanferry.yaml';

export function locateConfig(options: LocateOptions): string {
  return path.resolve(options.config ?? options.env['SCANFERRY_CONFIG'] ?? DEFAULT_CONFIG);
}

/** The data folder given on the command line or in the environment, if any. */
export function givenDataDir(options: LocateOptions): string | undefined {
  return options.data ?? options.env['SCANFERRY_DATA'];
}

/**
 * The data folder for commands that only talk to a running agent: the config need not be valid for that.
 * @throws OperatorError (exit code 2) when a config was named and can't be read.
 */
export function locateDataDir(options: LocateOptions): string {
  const given = givenDataDir(options);
  if (given !== undefined) return path.resolve(given);
  const file = locateConfig(options);
  const named = namedDataDir(file, options);
  return named === null ? DEFAULT_DATA_DIR : path.resolve(path.dirname(file), named);
}

/** As `locateDataDir`, for a look at what is broken: where the config can't be read it is the usual folder. */
export function likelyDataDir(options: LocateOptions): string {
  try {
    return locateDataDir(options);
  } catch (error) {
    if (error instanceof OperatorError) return DEFAULT_DATA_DIR;
    throw error;
  }
}

function namedDataDir(file: string, options: LocateOptions): string | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    // Nobody named a config, so an agent of the default folder may run without the usual one.
    if ((options.config ?? options.env['SCANFERRY_CONFIG']) === undefined) return null;
    const problem = isMissing(cause)
      ? PROBLEMS.missing(file)
      : PROBLEMS.unreadable(file, describeError(cause));
    throw new OperatorError(problem, { exitCode: 2, cause });
  }
  const { data, problems } = readYaml(file, text);
  if (data === undefined) {
    const cause = problems.map(formatProblem).join('\n');
    throw new OperatorError(PROBLEMS.invalid(cause), { exitCode: 2 });
  }
  const named = isRecord(data) ? data['dataDir'] : undefined;
  return typeof named === 'string' ? named : null;
}

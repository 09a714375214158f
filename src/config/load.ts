/** Reads a config file: every problem at once, each with its line, key and what was expected. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isMissing, OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import type { OutputOf } from '../core/settings.ts';
import { checkCertificates } from './certificates.ts';
import { PROBLEMS } from './errors.ts';
import { describeIssue } from './issues.ts';
import { type ConfigPath, type ConfigProblem, formatKey, formatProblem } from './problems.ts';
import { isRecord, resolveMarked } from './resolve.ts';
import { checkRules } from './rules.ts';
import { type Config, configSchema, DEFAULT_DATA_DIR } from './schema.ts';
import { openSecretStore } from './secret-store.ts';
import { readYaml } from './yaml-file.ts';

export interface LoadOptions {
  file: string;
  /** Read in place of what stands in the file. */
  text?: string | undefined;
  /** Overrides `dataDir` of the file. */
  dataDir?: string | undefined;
  env: Record<string, string | undefined>;
  /** Left out, certificates that have ended are not told: of a running agent, health tells them. */
  now?: number;
  /** Ids of the profile catalogue, or those that are known with a data folder. */
  profileIds: ProfileIds;
}

export type ProfileIds = readonly string[] | ((dataDir: string) => readonly string[]);

export interface LoadedConfig {
  /** Null when there is at least one error. */
  config: Config | null;
  /** Files that the config names, absolute; as far as it could be read. */
  files: string[];
  problems: ConfigProblem[];
}

/** Reads and checks the file. Never throws for what stands in it. */
export function checkConfig(options: LoadOptions): LoadedConfig {
  const file = path.resolve(options.file);
  let text: string;
  try {
    text = options.text ?? readFileSync(file, 'utf8');
  } catch (error) {
    const message = isMissing(error)
      ? 'there is no such file; `scanferry init` writes it, or name another one with --config or SCANFERRY_CONFIG'
      : `the config can't be read: ${describeError(error)}; name the file with --config or SCANFERRY_CONFIG`;
    return { config: null, files: [], problems: [{ severity: 'error', file, line: null, key: '', message }] };
  }
  return checkText(file, text, options);
}

/** As `checkConfig`, but throws an OperatorError (exit code 2) that lists every error. */
export function loadConfig(options: LoadOptions): { config: Config; warnings: ConfigProblem[] } {
  if (options.text === undefined && !existsSync(options.file))
    throw new OperatorError(PROBLEMS.missing(path.resolve(options.file)), { exitCode: 2 });
  const { config, problems } = checkConfig(options);
  if (config === null) {
    throw new OperatorError(PROBLEMS.invalid(problems.map(formatProblem).join('\n')), { exitCode: 2 });
  }
  return { config, warnings: problems };
}

/** Ids of the profiles that are known with a data folder. */
export function knownProfiles(profileIds: ProfileIds, dataDir: string): readonly string[] {
  return typeof profileIds === 'function' ? profileIds(dataDir) : profileIds;
}

function checkText(file: string, text: string, options: LoadOptions): LoadedConfig {
  const yaml = readYaml(file, text);
  const problems = [...yaml.problems];
  const files: string[] = [];
  const add = (severity: 'error' | 'warning', at: ConfigPath, message: string): void => {
    problems.push({ severity, file, line: yaml.lineOf(at), key: formatKey(at), message });
  };
  const hasErrors = () => problems.some((problem) => problem.severity === 'error');
  if (hasErrors()) return { config: null, problems, files };
  if (!isRecord(yaml.data)) {
    add(
      'error',
      [],
      'expected keys such as site, routes and intake; docs/reference/settings.md shows them all',
    );
    return { config: null, problems, files };
  }
  const baseDir = path.dirname(file);
  const parsed = parse(withDataDir(yaml.data, baseDir, options.dataDir), {
    ...{ baseDir, env: options.env, add, onFile: (name) => void files.push(name) },
  });
  if (parsed === null || hasErrors()) return { config: null, problems, files };

  const config: Config = {
    ...parsed,
    routing: parsed.routing ?? [{ use: parsed.routes.map((route) => route.id) }],
  };
  const { profileIds } = options;
  const findings = [
    ...checkRules(config, knownProfiles(profileIds, config.dataDir)),
    ...checkCertificates(config, options.now),
  ];
  for (const finding of findings) add(finding.severity, finding.path, finding.message);
  return { config: hasErrors() ? null : config, problems, files };
}

interface ParseContext {
  baseDir: string;
  env: LoadOptions['env'];
  add(severity: 'error' | 'warning', at: ConfigPath, message: string): void;
  onFile(file: string): void;
}

/** Resolves files and secrets, then lets the schema judge; a key already reported is not reported twice. */
function parse(
  raw: Record<string, unknown>,
  { baseDir, env, add, onFile }: ParseContext,
): OutputOf<typeof configSchema> | null {
  const reported = new Set<string>();
  const schema = configSchema();
  const resolved = resolveMarked(schema, raw, {
    ...{ baseDir, env, onFile },
    readSecret: secretReader(raw['dataDir']),
    problem: (severity, at, message) => {
      if (severity === 'error') reported.add(formatKey(at));
      add(severity, at, message);
    },
  });
  const parsed = schema.safeParse(resolved);
  if (parsed.success) return parsed.data;
  const sentences = parsed.error.issues.flatMap((issue) => describeIssue(issue, resolved, schema));
  for (const { path: at, message } of sentences) {
    if (!reported.has(formatKey(at))) add('error', at, message);
  }
  return null;
}

/** `dataDir` made absolute: relative to the config file, unless the command line or the environment says otherwise. */
function withDataDir(
  data: Record<string, unknown>,
  baseDir: string,
  override: string | undefined,
): Record<string, unknown> {
  if (override !== undefined) return { ...data, dataDir: path.resolve(override) };
  const given = data['dataDir'];
  return typeof given === 'string' && given !== ''
    ? { ...data, dataDir: path.resolve(baseDir, given) }
    : data;
}

/** The store is opened only if a secret is asked for: a check must not create files. */
function secretReader(dataDir: unknown): (name: string) => string | undefined {
  return (name) => openSecretStore(typeof dataDir === 'string' ? dataDir : DEFAULT_DATA_DIR).read(name);
}

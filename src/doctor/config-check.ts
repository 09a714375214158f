/** The config: what its loader says, whether it is in force, and who else may read or change its files. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config/schema.ts';
import { countWords } from '../health/words.ts';
import { fail, ok, warn } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import type { Check, CheckContext, Finding } from './types.ts';

export const CONFIG_CHECKS: readonly Check[] = [
  { group: 'config', name: 'file', run: checkFile },
  { group: 'config', name: 'file modes', run: checkModes },
];

async function* checkFile({
  configFindings,
  config,
  configFile,
  agent,
}: CheckContext): AsyncGenerator<Finding> {
  const name = 'file';
  for (const { severity, text } of configFindings) {
    if (severity === 'error') yield fail(name, 'wrong', PROBLEMS.configError(sentence(text)));
    else yield warn(name, 'questionable', PROBLEMS.configWarning(sentence(text)));
  }
  const changed = agent?.changedKeys() ?? [];
  if (changed.length > 0) yield warn(name, 'not applied', PROBLEMS.configNotApplied(changed.join(', ')));
  if (configFindings.length === 0 && changed.length === 0 && config !== null) {
    const { site, devices, routes } = config;
    const counts = `${countWords(devices.length, 'device')}, ${countWords(routes.length, 'route')}`;
    yield ok(name, `${configFile ?? 'in force'}: site ${site.id}, ${counts}`);
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Reading by a group is how a service account gets at keys; anything more is an opening. */
const KEY_TOO_OPEN = 0o037;
/** Others than the owner that may write. */
const WRITABLE = 0o022;

async function* checkModes({ config, configFile, dataDir }: CheckContext): AsyncGenerator<Finding> {
  const name = 'file modes';
  const keys = [...ownKeys(dataDir), ...(config === null ? [] : configuredKeys(config))];
  const present = [...new Set(keys)].filter((file) => existsSync(file));
  let isGood = true;
  for (const file of present) {
    const mode = modeOf(file);
    if ((mode & KEY_TOO_OPEN) === 0) continue;
    isGood = false;
    const why = PROBLEMS.fileOpen(file, mode.toString(8).padStart(4, '0'));
    yield (mode & 0o007) === 0 ? warn(name, path.basename(file), why) : fail(name, path.basename(file), why);
  }
  if (configFile !== null && existsSync(configFile) && (modeOf(configFile) & WRITABLE) !== 0) {
    isGood = false;
    const mode = modeOf(configFile).toString(8).padStart(4, '0');
    yield warn(name, path.basename(configFile), PROBLEMS.configWritable(configFile, mode));
  }
  if (isGood) yield ok(name, `${countWords(present.length, 'key file')}, none open to others`);
}

function modeOf(file: string): number {
  return statSync(file).mode & 0o777;
}

/** What this box has made for itself. */
function ownKeys(dataDir: string): string[] {
  return ['box.key', 'secrets.json', 'ca/root.key', 'ca/server.key'].map((name) => path.join(dataDir, name));
}

function configuredKeys({ routes, mqtt }: Config): string[] {
  const ofRoutes = routes.flatMap((route) => {
    if (route.kind === 'connector') return route.certificate?.key.path ?? [];
    if (route.kind !== 'submission' || route.auth.kind !== 'oauth') return [];
    return route.auth.certificate?.key.path ?? [];
  });
  const ofBroker = mqtt?.certificate?.key.path;
  return ofBroker === undefined ? ofRoutes : [...ofRoutes, ofBroker];
}

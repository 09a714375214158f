/** What the box itself shows to whoever may read its files: versions, config, sizes; no agent is asked. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readKnownSecrets } from '../config/known-secrets.ts';
import { checkConfig, knownProfiles, type ProfileIds } from '../config/load.ts';
import type { ConfigProblem } from '../config/problems.ts';
import { showConfig } from '../config/shown.ts';
import { describeError } from '../core/log.ts';
import type { CleanOptions } from './contents.ts';
import type { FileSize, Part, SupportFacts } from './facts.ts';

export interface BoxPlaces {
  /** The config file. */
  file: string;
  dataDir: string;
  env: Record<string, string | undefined>;
  profileIds: ProfileIds;
  version: { version: string; built: string | null };
  /** Version of the spool's schema that this program writes. */
  schemaVersion: number;
}

type BoxFacts = Pick<SupportFacts, 'versions' | 'config' | 'configProblems' | 'sizes'>;

/** Never throws: what can't be read is said in its place. */
export function readBoxFacts(places: BoxPlaces): BoxFacts & Pick<CleanOptions, 'secrets' | 'names'> {
  const shown = showConfig(places.file);
  const { values, problems } = readKnownSecrets(places);
  return {
    versions: versionsOf(places),
    config: 'data' in shown ? { value: shown.data } : { missing: shown.problem },
    configProblems: [
      ...checkedProblems(places).map(formatProblem),
      ...problems.map((problem) => `not looked for in this bundle, as it can't be read: ${problem}`),
    ],
    sizes: sizesOf(places.dataDir),
    secrets: values,
    names: [os.hostname(), os.hostname().split('.')[0] ?? ''],
  };
}

function checkedProblems({ file, dataDir, env, profileIds }: BoxPlaces): ConfigProblem[] {
  try {
    return checkConfig({ file, dataDir, env, profileIds }).problems;
  } catch (error) {
    // The store of secrets can't be opened: that is a problem of the config as well.
    return [{ severity: 'error', file, line: null, key: '', message: describeError(error) }];
  }
}

/** Its key with slashes, as a dotted one looks like a host name. */
function formatProblem({ severity, line, key, message }: ConfigProblem): string {
  return `line ${line ?? '-'}: ${severity}: ${key.replaceAll('.', '/')} ${message}`;
}

function versionsOf({ version, schemaVersion, profileIds, dataDir }: BoxPlaces): Record<string, unknown> {
  return {
    scanferry: version.version,
    built: version.built,
    node: process.version,
    libraries: process.versions,
    spoolSchema: schemaVersion,
    profiles: knownProfiles(profileIds, dataDir).length,
    system: systemName(),
    kernel: `${os.type()} ${os.release()} ${os.machine()}`,
    board: readFirstLine('/proc/device-tree/model'),
    processors: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    uptimeSeconds: Math.round(os.uptime()),
  };
}

/** os-release(5). */
function systemName(): string | null {
  if (!existsSync('/etc/os-release')) return null;
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? null;
}

function readFirstLine(file: string): string | null {
  return existsSync(file) ? (readFileSync(file, 'utf8').split(/[\0\n]/)[0] ?? null) : null;
}

function sizesOf(dataDir: string): Part<FileSize[]> {
  try {
    const names = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).sort();
    return {
      value: names.flatMap((name) => {
        // A file of a moment may be gone by now.
        const stat = statSync(path.join(dataDir, name), { throwIfNoEntry: false });
        return stat?.isFile() === true ? [{ name, bytes: stat.size }] : [];
      }),
    };
  } catch (error) {
    return { missing: describeError(error) };
  }
}

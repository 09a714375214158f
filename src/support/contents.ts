/** The files of a bundle: what each holds, cleaned of secrets and, unless asked, of names. */
import { renderYaml } from '../config/write-yaml.ts';
import { createDisguise, type Disguise } from './disguise.ts';
import type { Part, SupportFacts } from './facts.ts';
import { createSecretFilter } from './secret-filter.ts';

export interface BundleFile {
  name: string;
  /** One sentence on what it holds. */
  about: string;
  text: string;
}

export interface CleanOptions {
  secrets: readonly string[];
  /** Keep addresses, hosts, domains and names as they are. */
  withAddresses: boolean;
  /** Names of this machine and others that nothing gives away as such. */
  names: readonly string[];
}

type Render = (value: unknown) => string;

interface Draft {
  name: string;
  about: string;
  value: unknown;
  render: Render;
}

const asJson: Render = (value) => `${JSON.stringify(value, null, 2)}\n`;
/** An empty list says that all is well. */
const asText: Render = (value) => `${(value as string[]).join('\n') || 'nothing'}\n`;
const asLines: Render = (value) => (value as unknown[]).map((item) => `${JSON.stringify(item)}\n`).join('');

export interface BundleContents {
  /** The manifest first. */
  files: BundleFile[];
  /** Parts that could not be had, each with the reason. */
  missing: { name: string; why: string }[];
}

/** Everything cleaned; nothing else may go into a bundle. */
export function bundleContents(facts: SupportFacts, options: CleanOptions): BundleContents {
  const clean = createCleaner(facts, options);
  const { drafts, missing } = draftsOf(facts);
  const files = drafts.map(({ name, about, value, render }) => ({
    name,
    about,
    text: render(clean.value(value)),
  }));
  const manifest = {
    about: 'Support bundle of Scanferry. It holds no secret, no body and no subject of a message.',
    addresses: options.withAddresses
      ? 'as they are'
      : 'replaced: each address, host, domain and name of the site has another one, the same in every file',
    replaced: clean.counts(),
    created: new Date(facts.now).toISOString(),
    agent: facts.agent,
    files: files.map(({ name, about, text }) => ({ name, bytes: Buffer.byteLength(text), about })),
    missing: clean.value(missing),
  };
  const about = 'What is in here, and what is not.';
  return { files: [{ name: 'manifest.json', about, text: asJson(manifest) }, ...files], missing };
}

function draftsOf(facts: SupportFacts): { drafts: Draft[]; missing: { name: string; why: string }[] } {
  const missing: { name: string; why: string }[] = [];
  const part = <T>(name: string, about: string, found: Part<T>, render: Render): Draft[] => {
    if ('value' in found) return [{ name, about, value: found.value, render }];
    missing.push({ name, why: found.missing });
    return [];
  };
  const given = (name: string, about: string, value: unknown, render: Render) =>
    part(name, about, { value }, render);
  const drafts = [
    ...given('versions.json', 'Versions of Scanferry, its runtime and the system.', facts.versions, asJson),
    ...part('config.yaml', 'The config; secrets are named by where they are kept.', facts.config, (value) =>
      renderYaml(value),
    ),
    ...given('check.txt', 'What `scanferry check` says to it.', facts.configProblems, asText),
    ...part(
      'status.json',
      'Queue, spool and routes, as `scanferry status` shows them.',
      facts.status,
      asJson,
    ),
    ...part('health.json', 'Every reading with its grade, and the problems.', facts.health, asJson),
    ...part('doctor.json', 'What `scanferry doctor` found, line by line.', facts.doctor, asJson),
    ...part('spool.json', 'The spool: schema version, integrity, counts.', facts.spool, asJson),
    ...part(
      'events.jsonl',
      'The newest events, the oldest first; replies of the other side are verbatim.',
      facts.events,
      asLines,
    ),
    ...given(
      'log.jsonl',
      'The newest lines of the log, the oldest first.',
      facts.log.map(parseLine),
      asLines,
    ),
    ...part('sizes.json', 'Files of the data folder with their sizes.', facts.sizes, asJson),
  ];
  return { drafts, missing };
}

/** A line that is no JSON (cut, or of another program) stays a text. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

interface Cleaner {
  value(value: unknown): unknown;
  counts(): Record<string, number>;
}

function createCleaner(facts: SupportFacts, options: CleanOptions): Cleaner {
  const filter = createSecretFilter(options.secrets);
  const unsecret = (value: unknown): unknown => mapTexts(value, filter);
  if (options.withAddresses) return { value: unsecret, counts: () => ({}) };
  const disguise = createDisguise();
  learnAll(disguise, facts, options.names);
  return { value: (value) => disguise.apply(unsecret(value)), counts: disguise.counts };
}

function learnAll(disguise: Disguise, facts: SupportFacts, names: readonly string[]): void {
  for (const name of names) disguise.learnName('host', name);
  if ('value' in facts.config) learnConfig(disguise, facts.config.value);
  for (const value of [facts.status, facts.health, facts.doctor, facts.spool, facts.events])
    disguise.learn(value);
  disguise.learn(facts.log.map(parseLine));
  disguise.learn(facts.configProblems);
}

/** Site and devices are named by their id, which elsewhere is a name of ours. */
function learnConfig(disguise: Disguise, config: unknown): void {
  const { site, devices } = (config ?? {}) as { site?: Record<string, unknown>; devices?: unknown };
  for (const name of [site?.['id'], site?.['name']])
    if (typeof name === 'string') disguise.learnName('site', name);
  for (const device of Array.isArray(devices) ? (devices as Record<string, unknown>[]) : []) {
    if (typeof device?.['id'] === 'string') disguise.learnName('device', device['id']);
  }
  disguise.learn(config);
}

/** The value with `change` done to each text in it, keys included. */
function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [change(key), mapTexts(item, change)]),
  );
}

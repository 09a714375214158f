/** From answers to a written config: looks, proposes, plans, tries, writes; told step by step to whoever watches. */
import { existsSync } from 'node:fs';
import { checkConfig } from '../config/load.ts';
import { formatProblem } from '../config/problems.ts';
import { isRecord } from '../config/resolve.ts';
import type { Config } from '../config/schema.ts';
import { openSecretStore } from '../config/secret-store.ts';
import { OperatorError } from '../core/errors.ts';
import { domainOf } from '../core/message.ts';
import type { RouteQuestion } from '../routes/probe.ts';
import { MICROSOFT_SUBMISSION } from '../routes/settings.ts';
import { adviseWay, type SiteFacts, type Verdict } from './advise.ts';
import type { Answers, RawAnswers, Way } from './answers.ts';
import { type Finding, lookAtDomain, lookAtPort, lookAtRoute, type SetupDeps } from './look.ts';
import { type Plan, planConfig } from './plan.ts';
import { PROBLEMS } from './problems.ts';
import { configText } from './write.ts';

export interface SetupPlaces {
  /** The config file to write. */
  file: string;
  dataDir: string;
  /** Whether the data folder is another one than the usual. */
  namesDataDir: boolean;
  /** Where paths of the answers start. */
  baseDir: string;
  env: Record<string, string | undefined>;
  profileIds: readonly string[];
}

type Tell = (finding: Finding) => void;

const MX_PORT = 25;

/** Looks up the MX and tries the ports that the ways would use. */
export async function lookAtSite(
  answers: Pick<Answers, 'domain' | 'server' | 'dns'>,
  deps: SetupDeps,
  tell: Tell,
): Promise<Looked> {
  const at = { ...deps, servers: answers.dns ?? null };
  const { host, port } = answers.server;
  const domain = await lookAtDomain(answers.domain, at);
  tell(domain.finding);
  const mx = host ?? domain.hosts?.[0];
  const [smtp, submission] = await Promise.all([
    mx === undefined ? null : lookAtPort(mx, port ?? MX_PORT, at),
    lookAtPort(host ?? MICROSOFT_SUBMISSION.host, port ?? MICROSOFT_SUBMISSION.port, at),
  ]);
  for (const looked of [smtp, submission]) if (looked !== null) tell(looked.finding);
  return { mailHosts: domain.hosts, port25: smtp?.isOpen ?? null, port587: submission.isOpen };
}

/** What was found; null where it was not looked at, or could not be. */
export type Looked = Pick<SiteFacts, 'mailHosts' | 'port25' | 'port587'>;

/** The three ways, the proposed one first. */
export function propose(
  answers: Pick<Answers, 'domain' | 'outside' | 'mailbox' | 'staticAddress' | 'certificate' | 'server'>,
  looked: Looked,
): Verdict[] {
  const facts: SiteFacts = {
    domain: answers.domain,
    outside: answers.outside,
    hasMailbox: answers.mailbox !== undefined,
    staticAddress: answers.staticAddress ?? null,
    hasCertificate: answers.certificate !== undefined,
    // Where the server is named, nobody's MX matters.
    ...(answers.server.host === undefined ? looked : { ...looked, mailHosts: [] }),
  };
  return adviseWay(facts);
}

/** The way to set up: the one that was asked for, else the first that fits. @throws OperatorError where none does */
export function chooseWay(
  { way, signIn }: Pick<Answers, 'way' | 'signIn'>,
  verdicts: readonly Verdict[],
): Way {
  if (way !== undefined) return way;
  const [best] = verdicts;
  if (best === undefined || !best.fits) {
    const reasons = verdicts.map(({ way: each, missing }) => `${each}: ${missing.join(' ')}`).join(' ');
    throw new OperatorError(PROBLEMS.noWayFits(reasons));
  }
  if (best.way === 'submission' && signIn === undefined)
    throw new OperatorError(PROBLEMS.signInMissing(), { exitCode: 2 });
  return best.way;
}

export function makePlan(answers: Answers, raw: RawAnswers, way: Way, places: SetupPlaces): Plan {
  return planConfig(answers, raw, {
    way,
    baseDir: places.baseDir,
    dataDir: places.namesDataDir ? places.dataDir : null,
    takenSecrets: existsSync(places.dataDir) ? openSecretStore(places.dataDir).names() : [],
  });
}

/** The planned config, read as the agent will, before anything is written. @throws OperatorError with every problem */
export function readPlanned(plan: Plan, { file, dataDir, env, profileIds }: SetupPlaces): Config {
  const secrets = Object.fromEntries([...plan.secrets].map(([name, value]) => [`INIT_${name}`, value]));
  const trial = { ...plan, config: inEnvironment(plan.config, plan.secrets) as Plan['config'] };
  const text = configText(trial);
  const { config, problems } = checkConfig({ file, text, dataDir, env: { ...env, ...secrets }, profileIds });
  if (config !== null) return config;
  throw new OperatorError(PROBLEMS.answersInvalid(problems.map(formatProblem).join('\n')), { exitCode: 2 });
}

/** Secrets that are not stored yet are read from the environment of the trial. */
function inEnvironment(value: unknown, secrets: Plan['secrets']): unknown {
  if (Array.isArray(value)) return value.map((item) => inEnvironment(item, secrets));
  if (!isRecord(value)) return value;
  const name = value['secret'];
  if (typeof name === 'string' && secrets.has(name)) return { env: `INIT_${name}` };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inEnvironment(item, secrets)]));
}

/** Tries the route live; how many tests have failed. */
export async function tryPlanned(
  config: Config,
  answers: Answers,
  deps: SetupDeps,
  tell: Tell,
): Promise<number> {
  const [route] = config.routes;
  if (route === undefined) throw new Error('a planned config has a route');
  const at = { ...deps, servers: config.dns?.servers ?? null, hostname: config.intake.hostname };
  let count = 0;
  for await (const finding of lookAtRoute(route, at, questionsFor(answers))) {
    tell(finding);
    if (finding.grade === 'fail') count += 1;
  }
  return count;
}

/** Somebody who is known to exist: whoever gets the notices, or the mailbox itself. */
function questionsFor({ domain, mailbox, notices }: Answers): RouteQuestion[] {
  const recipient = notices.find((address) => domainOf(address) === domain) ?? mailbox;
  return recipient === undefined ? [] : [{ sender: mailbox ?? `scanner@${domain}`, recipient }];
}

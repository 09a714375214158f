/** From answers to a config: what stands in it, and which secrets are stored apart. */
import path from 'node:path';
import { isRecord } from '../config/resolve.ts';
import { type Answers, type RawAnswers, valueAt, type Way } from './answers.ts';

export interface Plan {
  way: Way;
  /** The config as plain data; secrets are named by `{ secret: name }`. */
  config: Record<string, unknown>;
  /** Secrets to store under the box key, by name. */
  secrets: Map<string, string>;
}

export interface PlanContext {
  way: Way;
  /** Where the paths of the answers start. */
  baseDir: string;
  /** Data folder to write into the config; null for the usual one. */
  dataDir: string | null;
  /** Names that are taken in the box's store. */
  takenSecrets: readonly string[];
}

export function planConfig(answers: Answers, raw: RawAnswers, context: PlanContext): Plan {
  const secrets = new Map<string, string>();
  const route = routeOf(answers, raw, context, secrets);
  const { site, networks, port, unknownDevices, notices, hostname, dns } = answers;
  const config = {
    site,
    ...(context.dataDir === null ? {} : { dataDir: context.dataDir }),
    ...(dns === undefined ? {} : { dns: { servers: dns } }),
    intake: {
      ...(hostname === undefined ? {} : { hostname }),
      listeners: [{ address: '0.0.0.0', port, tls: 'auto', floor: 'legacy' }],
      trustedNetworks: networks,
      unknownDevices,
    },
    routes: [route],
    ...(notices.length === 0 ? {} : { notices: { to: notices } }),
  };
  return { way: context.way, config, secrets };
}

function routeOf(answers: Answers, raw: RawAnswers, context: PlanContext, secrets: Plan['secrets']) {
  const paths = { at: (...keys: string[]) => absolute(context.baseDir, valueAt(raw, keys)) };
  const { host, port } = answers.server;
  const server = {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(answers.server.ca === undefined ? {} : { ca: paths.at('server', 'ca') }),
  };
  const { domain } = answers;
  switch (context.way) {
    case 'submission':
      return {
        ...{ id: 'mailbox', kind: 'submission', ...server, mailbox: answers.mailbox },
        auth: authOf(answers, raw, { ...context, paths }, secrets),
      };
    case 'direct-send':
      return { id: 'direct', kind: 'direct-send', ...server, domain };
    case 'connector': {
      const pair = { cert: paths.at('certificate', 'cert'), key: paths.at('certificate', 'key') };
      const certificate = answers.certificate === undefined ? {} : { certificate: pair };
      return { id: 'connector', kind: 'connector', ...server, domain, ...certificate };
    }
  }
}

interface Paths {
  at(...keys: string[]): string;
}

function authOf(
  { signIn, server }: Answers,
  raw: RawAnswers,
  { takenSecrets, paths }: PlanContext & { paths: Paths },
  secrets: Plan['secrets'],
) {
  if (signIn === undefined) throw new Error('submission was planned without a sign-in');
  const keep = (key: string, value: string, name: string) => {
    const given = valueAt(raw, ['signIn', key]);
    // It lies in the box's store already.
    if (isRecord(given) && typeof given['secret'] === 'string') return given;
    const free = freeName(name, takenSecrets);
    secrets.set(free, value);
    return { secret: free };
  };
  if (signIn.kind === 'password') {
    const user = signIn.user === undefined ? {} : { user: signIn.user };
    return {
      kind: 'basic',
      ...user,
      password: keep('password', signIn.password.reveal(), 'mailbox-password'),
    };
  }
  const { tenant, clientId } = signIn;
  const authority = server.authority === undefined ? {} : { authority: server.authority };
  if (signIn.kind === 'certificate') {
    const certificate = { cert: paths.at('signIn', 'cert'), key: paths.at('signIn', 'key') };
    return { kind: 'oauth', tenant, clientId, certificate, ...authority };
  }
  return {
    ...{ kind: 'oauth', tenant, clientId },
    clientSecret: keep('secret', signIn.secret.reveal(), 'client-secret'),
    ...(signIn.expires === undefined ? {} : { clientSecretExpires: signIn.expires }),
    ...authority,
  };
}

/** A secret of the config that was there before stays as it is, for the way back. */
function freeName(name: string, taken: readonly string[]): string {
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? name : `${name}-${count}`;
    if (!taken.includes(candidate)) return candidate;
  }
}

function absolute(baseDir: string, value: unknown): string {
  return path.resolve(baseDir, String(value));
}

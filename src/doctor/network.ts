/** The network: names, ways and ports to every host that the routes send to, and the address this box is seen at there. */
import { isIPv4, isIPv6 } from 'node:net';
import type { Log } from '../core/log.ts';
import type { RouteFault } from '../core/outcome.ts';
import type { Bounds } from '../routes/bounds.ts';
import { parseExtensions } from '../routes/extensions.ts';
import { lookUpAddresses, lookUpMailHosts, tryConnection } from '../routes/reach.ts';
import type { RouteSettings } from '../routes/settings.ts';
import type { NameResolver } from '../routes/types.ts';
import { fail, ok, warn } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import { lookAtSmtp } from './smtp-look.ts';
import { isPublic } from './spf-check.ts';
import type { Check, CheckContext, DoctorDeps, Finding } from './types.ts';

export interface NetworkContext extends Bounds {
  log: Log;
  resolver: NameResolver;
  /** Name for EHLO. */
  hostname: string;
}

/** One check for each domain and one for each host that has no domain to be found by. */
export function networkChecks({ config }: DoctorDeps): Check[] {
  const routes = config?.routes ?? [];
  const targets = new Map(routes.map((route) => [`${targetName(route)}:${route.port}`, route]));
  return [...targets.values()].map(
    (route): Check => ({
      group: 'network',
      name: targetName(route),
      run: (context) => checkTarget(route, context),
    }),
  );
}

function targetName(route: RouteSettings): string {
  return route.kind === 'submission' ? route.host : (route.host ?? route.domain);
}

async function* checkTarget(route: RouteSettings, context: CheckContext): AsyncGenerator<Finding> {
  const { clock, log, resolver, signal, config } = context;
  const network = { clock, log, resolver, signal, hostname: config?.intake.hostname ?? 'localhost' };
  const { port } = route;
  if (route.kind === 'submission') yield* examineHost({ host: route.host, port }, network);
  else if (route.host !== undefined) yield* examineHost({ host: route.host, port }, network);
  else yield* examineMailHosts(route.domain, port, network);
}

/** The MX of a domain and each host it names. @throws AttemptAborted */
async function* examineMailHosts(
  domain: string,
  port: number,
  context: NetworkContext,
): AsyncGenerator<Finding> {
  const found = await lookUpMailHosts(domain, context, context.signal);
  const name = `MX of ${domain}`;
  if ('fault' in found) {
    yield faulty(name, found.fault);
    return;
  }
  yield ok(name, found.value.join(', '));
  for (const host of found.value) yield* examineHost({ host, port }, context);
}

/** Names, ways and port of one host, and what it greets with. @throws AttemptAborted */
async function* examineHost(
  endpoint: { host: string; port: number },
  context: NetworkContext,
): AsyncGenerator<Finding> {
  const { host, port } = endpoint;
  const found = await lookUpAddresses(host, context, context.signal);
  if ('fault' in found) {
    yield faulty(host, found.fault);
    return;
  }
  const addresses = found.value;
  // IPv6 is used only where there is no IPv4, so a name with IPv6 alone is worth a word on port 25.
  if (addresses.some(isIPv4) || port !== 25) yield ok(host, addresses.join(', '));
  else yield warn(host, 'IPv6 only', PROBLEMS.ipv6Only(host), addresses);
  const [reached, besides] = await Promise.all([
    tryConnection(endpoint, addresses, context),
    otherFamily(endpoint, addresses, context),
  ]);
  const name = `${host}: port ${port}`;
  if ('fault' in reached) {
    yield unreachable(name, endpoint, reached.fault);
    return;
  }
  const family = isIPv6(reached.value) ? 'IPv6' : 'IPv4';
  yield ok(name, `open over ${family} (${reached.value})${besides}`);
  yield await greetingFinding(endpoint, reached.value, context);
}

/** How the other family stands, for whoever wonders; nothing depends on it. */
async function otherFamily(
  endpoint: { host: string; port: number },
  addresses: readonly string[],
  context: NetworkContext,
): Promise<string> {
  if (addresses.some(isIPv6)) return '; the name has no IPv4';
  const [address] = await context.resolver.resolve6(endpoint.host).catch((): string[] => []);
  if (address === undefined) return '; the name has no IPv6';
  const reached = await tryConnection(endpoint, [address], context);
  return 'value' in reached ? '; open over IPv6 too' : '; not over IPv6, which is not needed';
}

/** What is said before TLS: by whom, and which address of ours it comes to. */
async function greetingFinding(
  { host, port }: { host: string; port: number },
  address: string,
  { clock, signal, hostname }: NetworkContext,
): Promise<Finding> {
  const name = `${host}: greeting`;
  const look = await lookAtSmtp({
    ...{ address, port, clock, signal, name: hostname },
    ...{ tls: 'none', tlsOptions: {} },
  });
  const { seenAddress } = parseExtensions(look.hello);
  const detail = [...(look.banner === null ? [] : [look.banner]), ...look.hello];
  if (look.error !== null)
    return warn(
      name,
      'not as a mail server',
      PROBLEMS.greetingOdd(`${host}:${port}`, look.error.message),
      detail,
    );
  if (seenAddress === null) return ok(name, 'does not say at which address it sees this box', detail);
  const where = isPublic(seenAddress) ? '' : ', an address of this network';
  return ok(name, `sees this box at ${seenAddress}${where}`, detail);
}

/** Silence has another cause than a refusal, and on port 25 so often the same one that it is named first. */
function unreachable(
  name: string,
  { host, port }: { host: string; port: number },
  fault: RouteFault,
): Finding {
  if (fault.why.code !== 'route.timeout') return faulty(name, fault);
  const silent = port === 25 ? PROBLEMS.port25Blocked : PROBLEMS.portSilent;
  return fail(name, 'no answer', silent(`${host}:${port}`));
}

const SHORT: Record<string, string> = {
  'route.refused': 'refused',
  'route.reset': 'cut',
  'route.unreachable': 'no way',
  'route.blocked': 'blocked on this box',
  'route.names-failed': 'name servers do not answer',
};

function faulty(name: string, { why }: RouteFault): Finding {
  return fail(name, SHORT[why.code] ?? 'not found', why);
}

/** Ports 25 and 587 outward where no route uses them: what another way to send would meet. Nothing depends on it. */
import { isIPv6 } from 'node:net';
import type { Config } from '../config/schema.ts';
import { domainOf } from '../core/message.ts';
import { lookUpAddresses, lookUpMailHosts, tryConnection } from '../routes/reach.ts';
import { MICROSOFT_SUBMISSION, type RouteSettings } from '../routes/settings.ts';
import { ok } from './findings.ts';
import type { Check, CheckContext, DoctorDeps, Finding } from './types.ts';

/** A port that Microsoft 365 takes mail on, and the ways that go there. */
interface Way {
  port: number;
  ways: string;
  isUsedBy(route: RouteSettings): boolean;
  /** What to try, each apart. */
  hosts(config: Config): FindHost[];
}

/** The host to try, or in words why there is none. */
type FindHost = (context: CheckContext) => Promise<{ value: string } | { missing: string }>;

const WAYS: readonly Way[] = [
  {
    ...{ port: 25, ways: 'direct send or a connector', hosts: mailHosts },
    // On another port it stands for this one: its own line tells.
    isUsedBy: ({ kind, port }) => kind !== 'submission' || port === 25,
  },
  {
    ...{ port: MICROSOFT_SUBMISSION.port, ways: 'a route of kind submission', hosts: submissionHosts },
    isUsedBy: (route) =>
      route.port === MICROSOFT_SUBMISSION.port ||
      (route.kind === 'submission' && route.host === MICROSOFT_SUBMISSION.host),
  },
];

/** Checks for each of the two ports that no route of the config uses. */
export function portsOutChecks({ config }: DoctorDeps): Check[] {
  if (config === null) return [];
  return WAYS.filter(({ isUsedBy }) => !config.routes.some(isUsedBy)).flatMap((way) =>
    way.hosts(config).map(
      (findHost): Check => ({
        ...{ group: 'network', name: `port ${way.port} out` },
        async *run(context) {
          yield await tryWay(way, findHost, context);
        },
      }),
    ),
  );
}

/** Where a tenant takes mail is known by the domains of its mailboxes. */
function mailHosts({ routes }: Config): FindHost[] {
  const domains = new Set(
    routes.flatMap((route) => (route.kind === 'submission' ? [domainOf(route.mailbox)] : [])),
  );
  if (domains.size === 0) return [async () => ({ missing: 'no domain of the tenant is known' })];
  return [...domains].map((domain) => async (context) => {
    const found = await lookUpMailHosts(domain, context, context.signal);
    const [host] = 'value' in found ? found.value : [];
    return host === undefined ? { missing: `no mail host of ${domain} is known` } : { value: host };
  });
}

/** A mailbox of another cloud than the worldwide one names its host itself. */
function submissionHosts({ routes }: Config): FindHost[] {
  const others = routes.flatMap((route) =>
    route.kind === 'submission' && route.auth.kind === 'oauth' && route.auth.cloud !== 'worldwide'
      ? [route.host]
      : [],
  );
  const hosts = others.length === 0 ? [MICROSOFT_SUBMISSION.host] : new Set(others);
  return [...hosts].map((value) => async () => ({ value }));
}

async function tryWay({ port, ways }: Way, findHost: FindHost, context: CheckContext): Promise<Finding> {
  const name = `port ${port} out`;
  const unneeded = 'no route needs it';
  const host = await findHost(context);
  if ('missing' in host) return ok(name, `not tried, because ${host.missing}; ${unneeded}`);
  const found = await lookUpAddresses(host.value, context, context.signal);
  if ('fault' in found) return ok(name, `not tried, because ${host.value} has no address here; ${unneeded}`);
  const reached = await tryConnection({ host: host.value, port }, found.value, context);
  if ('value' in reached) {
    const family = isIPv6(reached.value) ? 'IPv6' : 'IPv4';
    return ok(name, `open to ${host.value} over ${family} (${reached.value}); ${unneeded}`);
  }
  // No fault: many a provider closes port 25 for good, and a doctor that always finds something is not read.
  const isSilent = reached.fault.why.code === 'route.timeout';
  const how = isSilent ? 'no answer, not even a refusal' : reached.fault.why.cause.replace(/\.$/, '');
  return ok(name, `closed to ${host.value} (${how}); ${unneeded}, but ${ways} would`);
}

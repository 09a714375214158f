/** Rules that hold between keys: names that must exist, names that must not stand twice. */
import { BlockList, isIPv4, SocketAddress } from 'node:net';
import { domainOf } from '../core/message.ts';
import { nearest } from '../core/nearest.ts';
import type { ConfigPath } from './problems.ts';
import type { Config } from './schema.ts';

export interface RuleFinding {
  severity: 'error' | 'warning';
  path: ConfigPath;
  message: string;
}

/** Checks a config that its schema has accepted. `profileIds` are those of the catalogue. */
export function checkRules(config: Config, profileIds: readonly string[]): RuleFinding[] {
  return [
    ...repeated(config.routes, 'routes', 'id', (route) => route.id),
    ...repeated(config.devices, 'devices', 'id', (device) => device.id),
    ...repeated(config.devices, 'devices', 'address', (device) => device.address),
    ...repeated(config.devices, 'devices', 'login', (device) => device.login?.user),
    ...unknownRoutes(config),
    ...unreachableRules(config),
    ...unknownProfiles(config, profileIds),
    ...openToAll(config),
    ...unreachableNotices(config),
  ];
}

function repeated<T>(
  items: T[],
  list: string,
  key: string,
  pick: (item: T) => string | undefined,
): RuleFinding[] {
  const firstIndex = new Map<string, number>();
  const findings: RuleFinding[] = [];
  items.forEach((item, index) => {
    const value = pick(item);
    if (value === undefined) return;
    const first = firstIndex.get(value);
    if (first === undefined) firstIndex.set(value, index);
    else
      findings.push({
        severity: 'error',
        path: [list, index, key],
        message: `${value} is already used by ${list}[${first}]; each needs its own`,
      });
  });
  return findings;
}

function unknownRoutes(config: Config): RuleFinding[] {
  const ids = config.routes.map((route) => route.id);
  return config.routing.flatMap((rule, ruleIndex) =>
    namedRoutes(rule.use, ['routing', ruleIndex, 'use']).flatMap(({ id, path }) =>
      ids.includes(id)
        ? []
        : [
            {
              severity: 'error' as const,
              path,
              message: `there is no route ${id}; there is ${ids.join(', ')}`,
            },
          ],
    ),
  );
}

/** Each id of a rule with its place, be it in a group or not. */
function namedRoutes(
  use: Config['routing'][number]['use'],
  at: ConfigPath,
): { id: string; path: ConfigPath }[] {
  return use.flatMap((entry, index) =>
    typeof entry === 'string'
      ? [{ id: entry, path: [...at, index] }]
      : entry.map((id, place) => ({ id, path: [...at, index, place] })),
  );
}

/** The first rule that fits is taken, so nothing after a rule for all recipients is ever used. */
function unreachableRules(config: Config): RuleFinding[] {
  const catchAll = config.routing.findIndex((rule) => rule.recipients === undefined);
  const findings: RuleFinding[] = config.routing
    .slice(catchAll < 0 ? config.routing.length : catchAll + 1)
    .map((_, offset) => ({
      severity: 'warning',
      path: ['routing', catchAll + 1 + offset],
      message: `this rule is never used, because routing[${catchAll}] already takes every recipient`,
    }));
  if (catchAll < 0) {
    findings.push({
      severity: 'warning',
      path: ['routing'],
      message:
        'recipients of other domains have no route and will fail; add a rule without recipients if they should go somewhere',
    });
  }
  return findings;
}

function unknownProfiles(config: Config, profileIds: readonly string[]): RuleFinding[] {
  return config.devices.flatMap((device, index) =>
    device.profile === undefined || profileIds.includes(device.profile)
      ? []
      : [
          {
            severity: 'error' as const,
            path: ['devices', index, 'profile'],
            message: `there is no profile ${device.profile}; ${profileHint(device.profile, profileIds)}`,
          },
        ],
  );
}

/** All of them are too many for a sentence. */
function profileHint(given: string, profileIds: readonly string[]): string {
  const meant = nearest(given, profileIds);
  return `${meant === null ? '' : `did you mean ${meant}? `}\`scanferry profiles list\` shows those there are`;
}

/** A notice that no route can carry would fail, and nobody would be told of that. */
function unreachableNotices(config: Config): RuleFinding[] {
  return (config.notices?.to ?? []).flatMap((address, index) => {
    const domain = domainOf(address);
    const rule = config.routing.find(({ recipients }) => recipients?.includes(domain) ?? true);
    const routes = config.routes.filter(({ id }) => rule?.use.flat().includes(id));
    if (routes.some((route) => carries(route, domain))) return [];
    return [
      {
        severity: 'warning' as const,
        path: ['notices', 'to', index],
        message: `no route can carry mail to ${domain}, so no notice will reach ${address}; use an address inside, or add a route that may send outside`,
      },
    ];
  });
}

/** Direct send reaches only its own domains. */
function carries(route: Config['routes'][number], domain: string): boolean {
  return route.kind !== 'direct-send' || [route.domain, ...route.domains].includes(domain);
}

function openToAll(config: Config): RuleFinding[] {
  return config.intake.trustedNetworks.flatMap((network, index) =>
    isHuge(network)
      ? [
          {
            severity: 'error' as const,
            path: ['intake', 'trustedNetworks', index],
            message:
              'this trusts a large part of the internet and would make the box an open relay; name the networks of the devices',
          },
        ]
      : [],
  );
}

/** Public networks from these sizes on hold more than one site: a /16 or, of IPv6, a /32 is what a provider gets. */
const PUBLIC_PREFIX_MIN = { ipv4: 16, ipv6: 32 } as const;
/** Addresses nobody on the internet has (RFC 1918, 3927, 6598, 4193, 4291): a network within is a site's own. */
const PRIVATE_NETWORKS = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['127.0.0.0', 8],
  ['fc00::', 7],
  ['fe80::', 10],
] as const;

/** IPv6 notation for IPv4 addresses, which reach the box as IPv4 (RFC 4291 section 2.5.5.2). */
const MAPPED = { base: '::ffff:0:0', prefix: 96 } as const;

function isHuge(network: string): boolean {
  const [address = '', prefixText] = network.split('/');
  if (prefixText === undefined) return false;
  const prefix = Number(prefixText);
  if (isIPv4(address)) return prefix < PUBLIC_PREFIX_MIN.ipv4 && !isPrivate(address, prefix);
  if (holds(address, prefix, MAPPED.base) && prefix < MAPPED.prefix) return true;
  if (holds(MAPPED.base, MAPPED.prefix, address))
    return isHuge(`${lastFourBytes(address)}/${prefix - MAPPED.prefix}`);
  return prefix < PUBLIC_PREFIX_MIN.ipv6 && !isPrivate(address, prefix);
}

function isPrivate(address: string, prefix: number): boolean {
  return PRIVATE_NETWORKS.some(([base, length]) => prefix >= length && holds(base, length, address));
}

/** Whether the network `base`/`prefix` holds `address`; networks hold addresses of their own notation only. */
function holds(base: string, prefix: number, address: string): boolean {
  if (isIPv4(base) !== isIPv4(address)) return false;
  const family = isIPv4(base) ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(base, prefix, family);
  return list.check(address, family);
}

/** `192.0.2.1` of `::ffff:192.0.2.1`, in whichever of its spellings. */
function lastFourBytes(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address.replace(/^.*:/, '');
}

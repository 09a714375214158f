/** Ways in which a network or a server breaks, each with what the agent must make of it, and how to undo it. */
import type { ZoneRecords } from '../../../src/sandbox/dns-server.ts';
import { type HostFaults, noFaults } from '../../../src/sandbox/faults.ts';
import { MX_HOST } from '../../../src/sandbox/mx-policy.ts';
import type { HostKind, Stage } from '../../../src/sandbox/replies.ts';
import type { TenantSite } from './upstream.ts';

const LOOPBACK = '127.0.0.1';
/** A neighbour of the MX on this machine whose queue of connections is full. */
export const FULL = '127.0.0.9';
/** TCP to the broadcast address has no way through any network. */
const NO_WAY = '255.255.255.255';
/** RFC 6666: whatever goes there is dropped. */
const IPV6_BLACK_HOLE = '100::1';
/** RFC 8446 section 6: internal_error. */
const INTERNAL_ERROR = 80;

export type Way = 'mailbox' | 'direct';
export const DOMAIN_OF: Record<Way, string> = { mailbox: 'fabrikam.com', direct: 'contoso.com' };
const HOST_OF: Record<Way, HostKind> = { mailbox: 'submission', direct: 'mx' };

/** Everything as it should be. */
export async function repair({ sandbox }: TenantSite): Promise<void> {
  const { tenant, dns } = sandbox;
  tenant.faults = { submission: noFaults(), mx: noFaults() };
  dns.zone.set(MX_HOST, { A: [LOOPBACK] });
  dns.zone.set(DOMAIN_OF.direct, { MX: [{ exchange: MX_HOST, preference: 0 }] });
  await sandbox.setListening('mx', true);
}

/** `pauses`: a fault of the way, no try spent. `defers`: the message waits. `arrives`: nothing is to be noticed. */
export type Outcome =
  | { kind: 'pauses'; code: string | RegExp; needsPerson?: true }
  | { kind: 'defers'; code: string | RegExp; uncertain?: true }
  | { kind: 'arrives' };

export interface Break {
  name: string;
  way: Way;
  outcome: Outcome;
  /** Breaks it; `repair` undoes it. */
  start(site: TenantSite): void | Promise<void>;
  /** The agent finds out only by waiting. */
  isSlow?: true;
  /** The tenant has kept the message although the agent can't know: a second copy is allowed. */
  isKept?: true;
}

const faulty =
  (way: Way, fault: Partial<HostFaults>) =>
  ({ sandbox }: TenantSite) => {
    sandbox.tenant.faults[HOST_OF[way]] = { ...noFaults(), ...fault };
  };

const PAUSES_CUT: Outcome = { kind: 'pauses', code: /^route\.(closed|reset|connection-failed)$/ };
const NO_STARTTLS: Outcome = { kind: 'pauses', code: 'route.starttls-missing', needsPerson: true };
const LOST: Outcome = { kind: 'defers', code: /^(route\.(closed|reset)|message\.connection-lost)$/ };
export const UNCERTAIN: Outcome = { kind: 'defers', code: 'message.answer-lost', uncertain: true };
const PAUSES_SLOW: Outcome = { kind: 'pauses', code: 'route.timeout' };
const SLOW: Outcome = { kind: 'defers', code: 'route.timeout' };
const ARRIVES: Outcome = { kind: 'arrives' };

/** What the loss of a step means: before the envelope is taken it is the way, then the message, then nobody knows. */
const STEPS: readonly (readonly [Stage, Way, cut: Outcome, silent: Outcome])[] = [
  ['connect', 'direct', PAUSES_CUT, PAUSES_SLOW],
  ['ehlo', 'direct', PAUSES_CUT, PAUSES_SLOW],
  ['starttls', 'direct', NO_STARTTLS, PAUSES_SLOW],
  ['tls', 'direct', { kind: 'pauses', code: 'route.tls-failed' }, PAUSES_SLOW],
  ['ehlo-tls', 'direct', PAUSES_CUT, PAUSES_SLOW],
  ['auth', 'mailbox', PAUSES_CUT, PAUSES_SLOW],
  ['mail', 'direct', PAUSES_CUT, PAUSES_SLOW],
  ['rcpt', 'direct', LOST, SLOW],
  ['data', 'direct', LOST, SLOW],
  ['body', 'direct', UNCERTAIN, UNCERTAIN],
  ['data-end', 'direct', UNCERTAIN, UNCERTAIN],
  ['quit', 'direct', ARRIVES, ARRIVES],
];

const CUTS: Break[] = STEPS.map(([step, way, outcome]) => ({
  ...{ name: `cut at ${step}`, way, outcome, start: faulty(way, { cutAt: step }) },
}));
const SILENCES: Break[] = STEPS.map(([step, way, , outcome]) => ({
  ...{ name: `silence at ${step}`, way, outcome, isSlow: true as const },
  start: faulty(way, { silentAt: step }),
}));
const HUGE: Break[] = STEPS.filter(([step]) => step !== 'tls' && step !== 'body').map(([step, way]) => ({
  ...{
    name: `a reply of 1 MiB at ${step}`,
    way,
    outcome: ARRIVES,
    start: faulty(way, { hugeReplyAt: step }),
  },
}));

const zone =
  (name: string, records: ZoneRecords) =>
  ({ sandbox }: TenantSite) => {
    sandbox.dns.zone.set(name, records);
  };

const OTHERS: Break[] = [
  {
    name: 'refused',
    way: 'direct',
    outcome: { kind: 'pauses', code: 'route.refused' },
    start: ({ sandbox }) => sandbox.setListening('mx', false),
  },
  {
    name: 'unreachable',
    way: 'direct',
    outcome: { kind: 'pauses', code: 'route.unreachable' },
    start: zone(MX_HOST, { A: [NO_WAY] }),
  },
  {
    name: 'a connect that hangs',
    way: 'direct',
    outcome: PAUSES_SLOW,
    isSlow: true,
    start: zone(MX_HOST, { A: [FULL] }),
  },
  {
    name: 'a connect that hangs before an address that answers',
    way: 'direct',
    outcome: ARRIVES,
    isSlow: true,
    start: zone(MX_HOST, { A: [FULL, LOOPBACK] }),
  },
  {
    name: 'an IPv6 black hole beside IPv4',
    way: 'direct',
    outcome: ARRIVES,
    start: zone(MX_HOST, { A: [LOOPBACK], AAAA: [IPV6_BLACK_HOLE] }),
  },
  {
    name: 'an IPv6 black hole alone',
    way: 'direct',
    // A box without IPv6 knows at once, one with IPv6 by waiting.
    outcome: { kind: 'pauses', code: /^route\.(unreachable|timeout)$/ },
    isSlow: true,
    start: zone(MX_HOST, { AAAA: [IPV6_BLACK_HOLE] }),
  },
  {
    name: 'SERVFAIL for the domain',
    way: 'direct',
    outcome: { kind: 'pauses', code: 'route.names-failed' },
    start: zone(DOMAIN_OF.direct, { fault: 'servfail' }),
  },
  {
    name: 'SERVFAIL for the mail host',
    way: 'direct',
    outcome: { kind: 'pauses', code: 'route.names-failed' },
    start: zone(MX_HOST, { fault: 'servfail' }),
  },
  {
    name: 'name servers that are silent',
    way: 'direct',
    outcome: { kind: 'pauses', code: 'route.names-failed' },
    isSlow: true,
    start: zone(DOMAIN_OF.direct, { fault: 'silence' }),
  },
  {
    name: 'NXDOMAIN for the domain',
    way: 'direct',
    outcome: { kind: 'pauses', code: 'route.mx-unknown-domain' },
    start: ({ sandbox }) => void sandbox.dns.zone.delete(DOMAIN_OF.direct),
  },
  {
    name: 'NXDOMAIN for the mail host',
    way: 'direct',
    outcome: { kind: 'pauses', code: 'route.name-unknown' },
    start: ({ sandbox }) => void sandbox.dns.zone.delete(MX_HOST),
  },
  {
    name: 'a TLS alert',
    way: 'direct',
    outcome: { kind: 'pauses', code: 'route.tls-alert' },
    start: faulty('direct', { tlsAlert: INTERNAL_ERROR }),
  },
  {
    name: 'a certificate that has expired meanwhile',
    way: 'mailbox',
    outcome: { kind: 'pauses', code: 'route.certificate-expired', needsPerson: true },
    start: faulty('mailbox', { certificate: 'expired' }),
  },
  {
    name: 'STARTTLS stripped meanwhile',
    way: 'mailbox',
    outcome: NO_STARTTLS,
    start: faulty('mailbox', { stripStarttls: true }),
  },
  {
    name: 'a host that does everything in plain text',
    way: 'mailbox',
    outcome: NO_STARTTLS,
    start: faulty('mailbox', { plainTextOnly: true }),
  },
  {
    name: 'replies one byte at a time on port 25',
    way: 'direct',
    outcome: ARRIVES,
    start: faulty('direct', { replyByteByByte: true }),
  },
  {
    name: 'replies one byte at a time with a sign-in',
    way: 'mailbox',
    outcome: ARRIVES,
    start: faulty('mailbox', { replyByteByByte: true }),
  },
  {
    name: 'a cut after the tenant has kept the message',
    way: 'direct',
    outcome: UNCERTAIN,
    start: faulty('direct', { dropAfterFinalDot: true }),
    isKept: true,
  },
];

/** Every break, one case each. */
export const BREAKS: readonly Break[] = [...CUTS, ...SILENCES, ...HUGE, ...OTHERS];

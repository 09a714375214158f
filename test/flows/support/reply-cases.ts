/** Every reply of the simulated tenant with what the agent must make of it: one row, one case. */
import type { HostKind, ReplyId, Stage } from '../../../src/sandbox/replies.ts';

/** The routes of the site that these cases are played on. */
export type Way = 'mailbox' | 'oauth' | 'direct' | 'connector';

/**
 * What must happen. `defers`: the recipient waits and has spent a try. `waits`: the route pauses and heals by time.
 * `pauses`: the route pauses until a person has acted, and asks again now and then. `holds`: message and sender are
 * held. `fails`: given up. `splits`: the rest goes at once. `spares`: the own tenant goes at once, and the
 * route pauses for all outsiders.
 */
export type Deed = 'defers' | 'waits' | 'pauses' | 'holds' | 'fails' | 'splits' | 'spares';

export interface ReplyCase {
  /** A row of the sandbox, or a text of our own at a step. */
  reply: ReplyId | { stage: Exclude<Stage, 'tls' | 'body'>; text: string };
  way: Way;
  deed: Deed;
  /** Row of the reply table that must be what decides. */
  row: string;
  /** At least this long a pause, in minutes; else the schedule's own. */
  minutes?: number;
  /** How often the reply is met before the agent gives up; a refused token is renewed once. */
  asked?: number;
}

/** A step of the deed table below: `[reply, way, row, minutes]`. */
type Entry = readonly [ReplyCase['reply'], Way, string, number?];

/** Back off, for the recipient. */
const DEFERS: readonly Entry[] = [
  ['451-4.4.3', 'direct', 'tenant-lookup'],
  ['450-4.7.1', 'connector', 'relay-refused-for-now', 30],
  ['421-4.4.1', 'direct', 'session-too-long'],
  ['450-4.9.9', 'direct', 'deferred'],
  [{ stage: 'mail', text: '421 4.3.2 Service not available' }, 'mailbox', 'closing'],
  [{ stage: 'mail', text: 'this is no reply' }, 'direct', 'unreadable'],
];

/** Back off, for the route; and pauses that time heals. */
const WAITS: readonly Entry[] = [
  ['432-4.3.2', 'mailbox', 'concurrent-connections', 1],
  ['432-4.3.2-thread', 'mailbox', 'concurrent-connections', 1],
  ['451-4.7.500', 'direct', 'server-busy', 15],
  ['451-4.7.651', 'direct', 'address-reputation', 30],
  ['421-4.4.2', 'direct', 'submission-rate', 1],
  ['501-5.5.127', 'oauth', 'token-expiring', 1],
  ['554-5.2.0-quota', 'mailbox', 'submission-quota', 60],
  ['550-5.2.2', 'mailbox', 'submission-quota', 60],
  ['550-5.1.90', 'mailbox', 'submission-quota', 60],
  [{ stage: 'connect', text: '554 5.3.2 No service' }, 'direct', 'session-refused'],
];

/** Pause, and fix the configuration. */
const PAUSES: readonly Entry[] = [
  ['451-4.4.62', 'connector', 'wrong-region'],
  ['421-4.7.66', 'mailbox', 'tls-too-old'],
  ['451-5.7.3', 'mailbox', 'starttls-required'],
  ['530-5.7.57', 'mailbox', 'not-authenticated'],
  ['550-5.7.57', 'mailbox', 'not-authenticated'],
  ['535-5.7.3', 'mailbox', 'sign-in-refused'],
  ['535-5.7.3', 'oauth', 'sign-in-refused'],
  ['535-5.7.139-tenant', 'mailbox', 'smtp-auth-disabled-tenant'],
  ['535-5.7.139-tenant', 'oauth', 'smtp-auth-disabled-tenant'],
  ['535-5.7.139-mailbox', 'mailbox', 'smtp-auth-disabled-mailbox'],
  ['535-5.7.139-basic', 'mailbox', 'basic-auth-disabled'],
  ['535-5.7.139-security-defaults', 'mailbox', 'security-defaults'],
  ['535-5.7.139-criteria', 'mailbox', 'sign-in-criteria'],
  ['535-5.7.139-federated', 'mailbox', 'federated-sign-in'],
  ['535-5.7.139', 'mailbox', 'sign-in-policy'],
  ['550-5.7.30', 'mailbox', 'basic-auth-removed'],
  ['501-5.5.124', 'oauth', 'xoauth2-malformed'],
  [{ stage: 'auth', text: '554 5.5.4 no' }, 'mailbox', 'sign-in-refused-other'],
  ['554-5.2.2', 'mailbox', 'mailbox-full'],
  ['550-5.2.251', 'mailbox', 'mailbox-full'],
  ['550-5.2.252', 'mailbox', 'mailbox-throttled'],
  ['550-5.2.253', 'mailbox', 'mailbox-throttled'],
  ['550-5.2.254', 'mailbox', 'mailbox-throttled'],
  ['550-5.2.255', 'mailbox', 'mailbox-throttled'],
  ['550-5.1.8', 'mailbox', 'sender-restricted'],
  ['550-5.7.705', 'mailbox', 'sender-restricted'],
  ['550-5.7.708', 'connector', 'sender-restricted'],
  ['550-5.7.750', 'mailbox', 'sender-restricted'],
  ['550-5.7.501', 'direct', 'banned'],
  ['550-5.7.502', 'direct', 'banned'],
  ['550-5.7.503', 'direct', 'banned'],
  ['550-5.7.511', 'connector', 'banned'],
  ['550-5.7.606', 'direct', 'banned'],
  ['550-5.7.649', 'connector', 'banned'],
  ['550-5.7.64', 'connector', 'tenant-attribution'],
  ['550-5.7.51', 'connector', 'partner-connector'],
  ['550-5.7.68', 'direct', 'direct-send-rejected'],
  ['550-5.7.54', 'connector', 'relay-denied'],
  ['550-5.7.1', 'connector', 'relay-denied'],
  ['550-5.7.506', 'direct', 'hello-name'],
  ['550-5.7.25', 'direct', 'ipv6-unknown'],
  ['550-5.7.510', 'direct', 'ipv6-unknown'],
  ['450-4.7.26', 'direct', 'ipv6-unknown'],
];

/** Hold device and sender. */
const HOLDS: readonly Entry[] = [
  ['550-5.7.60', 'mailbox', 'send-as-denied'],
  [
    { stage: 'data-end', text: '550 5.7.60 SMTP; Client does not have permissions to send as this sender' },
    'mailbox',
    'send-as-denied',
  ],
  ['554-5.2.252', 'mailbox', 'send-as-denied'],
  ['554-5.2.0-sendas', 'mailbox', 'send-as-denied'],
  ['554-5.2.254', 'mailbox', 'repeated-would-throttle'],
  ['554-5.2.255', 'mailbox', 'repeated-would-throttle'],
  ['550-5.7.509', 'direct', 'dmarc'],
];

/** Fail the recipient, or the message where its content is refused. */
const FAILS: readonly Entry[] = [
  ['554-5.2.270', 'mailbox', 'too-large'],
  ['552-5.3.4', 'direct', 'too-large'],
  ['550-5.7.54', 'direct', 'recipient-outside-tenant'],
  ['550-5.7.1', 'direct', 'recipient-outside-tenant'],
  ['550-5.4.1', 'direct', 'recipient-unknown'],
  ['550-5.1.1', 'mailbox', 'recipient-unknown'],
  ['550-5.1.10', 'mailbox', 'recipient-unknown'],
  ['550-5.7.512', 'direct', 'sender-missing'],
  ['550-5.6.11', 'direct', 'invalid-characters'],
  ['550-5.5.105', 'mailbox', 'high-volume-external'],
  ['550-5.9.9', 'direct', 'recipient-refused'],
  [{ stage: 'data-end', text: '554 5.9.9 A lasting trouble of the message' }, 'direct', 'refused'],
];

/** Split the envelope. */
const SPLITS: readonly Entry[] = [
  ['452-4.5.3', 'direct', 'too-many-recipients'],
  ['452-4.5.3-regions', 'connector', 'recipients-in-regions'],
];

/** Pause, for outside recipients only. */
const SPARES: readonly Entry[] = [
  ['550-5.7.232', 'mailbox', 'external-limit', 60],
  ['550-5.7.233', 'mailbox', 'external-limit', 60],
  ['550-5.7.236', 'mailbox', 'external-limit', 60],
];

/** Every entry with its deed. */
export const REPLY_CASES: readonly ReplyCase[] = (
  [
    ['defers', DEFERS],
    ['waits', WAITS],
    ['pauses', PAUSES],
    ['holds', HOLDS],
    ['fails', FAILS],
    ['splits', SPLITS],
    ['spares', SPARES],
  ] as const
).flatMap(([deed, entries]) =>
  entries.map(([reply, way, row, minutes]) => ({
    ...{ reply, way, deed, row, asked: way === 'oauth' ? 2 : 1 },
    ...(minutes === undefined ? {} : { minutes }),
  })),
);

/** Rows of the agent's table that no row of the sandbox leads to, and why. */
export const WITHOUT_A_SIMULATED_REPLY: Record<string, string> = {
  'sign-in-refused-other': 'what RFC 4954 says of a refused sign-in; no known reply of Microsoft 365',
  'session-refused': 'what RFC 5321 says of a refused session; no known reply of Microsoft 365',
  closing: 'what RFC 5321 says of 421; no known reply of Microsoft 365',
  refused: 'what RFC 5321 says of 5xx to a message; no known reply of Microsoft 365',
  unreadable: 'an answer that is no reply',
};

export const HOST_OF: Record<Way, HostKind> = {
  mailbox: 'submission',
  oauth: 'submission',
  direct: 'mx',
  connector: 'mx',
};

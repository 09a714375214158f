/** The other side's replies: every row of docs/reference/replies.md, each one reachable by a name or a switch. */

/**
 * Steps of a session at which the simulated hosts answer. `ehlo` is the one before TLS, `ehlo-tls` the one after;
 * `tls` is the handshake, `body` the running DATA, `data-end` the answer to the final dot.
 */
export type Stage =
  | 'connect'
  | 'ehlo'
  | 'starttls'
  | 'tls'
  | 'ehlo-tls'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'body'
  | 'data-end'
  | 'rset'
  | 'quit';

export type HostKind = 'submission' | 'mx';

/** One reply: where it comes from, when, and what it says. */
export interface ReplyRow {
  host: HostKind;
  stage: Exclude<Stage, 'tls' | 'body'>;
  text: string;
}

const at = (host: HostKind, stage: ReplyRow['stage'], text: string): ReplyRow => ({ host, stage, text });

/**
 * Keyed by code and enhanced code, with a word where a code is shared. Key texts are the ones in the facts;
 * where those give none, the wording is the sandbox's own.
 */
export const REPLIES = {
  '432-4.3.2': at('submission', 'data-end', '432 4.3.2 Concurrent connections limit exceeded'),
  '432-4.3.2-thread': at(
    'submission',
    'data-end',
    '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded',
  ),
  '451-4.7.500': at('mx', 'mail', '451 4.7.500 Server busy. Please try again later. (AS761)'),
  '451-4.7.651': at('mx', 'mail', '451 4.7.651 The sending address is rate limited due to its reputation'),
  '451-4.4.3': at('mx', 'rcpt', '451 4.4.3 Temporary server error. Please try again later ATTR17'),
  '452-4.5.3-regions': at('mx', 'rcpt', '452 4.5.3 Recipients belong to multiple regions ATTR38'),
  '452-4.5.3': at('mx', 'rcpt', '452 4.5.3 Too many recipients'),
  '451-4.4.62': at('mx', 'rcpt', '451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35'),
  '450-4.7.1': at('mx', 'rcpt', '450 4.7.1 Unable to relay ATTR14'),
  '421-4.4.1': at('mx', 'mail', '421 4.4.1 Connection timed out. Total session duration: 00:20:00'),
  '421-4.4.2': at('mx', 'mail', '421 4.4.2 Message submission rate for this client has exceeded the limit'),
  '421-4.7.66': at('submission', 'ehlo-tls', '421 4.7.66 TLS 1.0 and 1.1 are not supported'),
  '450-4.7.26': at('mx', 'connect', '450 4.7.26 Mail over IPv6 must pass SPF or DKIM'),
  '450-4.9.9': at('mx', 'rcpt', '450 4.9.9 A passing trouble that no table knows'),
  '451-5.7.3': at('submission', 'mail', '451 5.7.3 STARTTLS is required to send mail'),
  '530-5.7.57': at('submission', 'mail', '530 5.7.57 Client not authenticated to send mail'),
  '550-5.7.57': at('submission', 'mail', '550 5.7.57 SMTP; Client not authenticated to send mail'),
  '535-5.7.3': at('submission', 'auth', '535 5.7.3 Authentication unsuccessful'),
  '535-5.7.139-tenant': at(
    'submission',
    'auth',
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.',
  ),
  '535-5.7.139-mailbox': at(
    'submission',
    'auth',
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.',
  ),
  '535-5.7.139-basic': at(
    'submission',
    'auth',
    '535 5.7.139 Authentication unsuccessful, basic authentication is disabled.',
  ),
  '535-5.7.139-security-defaults': at(
    'submission',
    'auth',
    "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.",
  ),
  '535-5.7.139-criteria': at(
    'submission',
    'auth',
    '535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully.',
  ),
  '535-5.7.139-federated': at(
    'submission',
    'auth',
    '535 5.7.139 Authentication unsuccessful, the request to the federated STS has failed.',
  ),
  '535-5.7.139': at(
    'submission',
    'auth',
    '535 5.7.139 Authentication unsuccessful, a policy that no table knows.',
  ),
  '550-5.7.30': at(
    'submission',
    'auth',
    '550 5.7.30 Basic authentication is not supported for Client Submission.',
  ),
  '501-5.5.124': at('submission', 'auth', '501 5.5.124 Invalid XOAUTH2 data'),
  '501-5.5.127': at('submission', 'auth', '501 5.5.127 Token will expire soon'),
  '550-5.7.60': at(
    'submission',
    'mail',
    '550 5.7.60 SMTP; Client does not have permissions to send as this sender',
  ),
  '554-5.2.252': at(
    'submission',
    'data-end',
    '554 5.2.252 SendAsDenied; the mailbox is not allowed to send as this sender',
  ),
  '554-5.2.254': at('submission', 'data-end', '554 5.2.254 More recipients than the mailbox may send to'),
  '554-5.2.255': at('submission', 'data-end', '554 5.2.255 Recipients that are no addresses'),
  '554-5.2.0-sendas': at(
    'submission',
    'data-end',
    '554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception',
  ),
  '550-5.2.251': at('submission', 'data-end', '550 5.2.251 The sending mailbox is full'),
  '550-5.2.252': at(
    'submission',
    'data-end',
    '550 5.2.252 Sender throttled after repeated refusals to send as another',
  ),
  '550-5.2.253': at('submission', 'data-end', '550 5.2.253 The sending mailbox has no licence'),
  '550-5.2.254': at('submission', 'data-end', '550 5.2.254 Too many recipients'),
  '550-5.2.255': at('submission', 'data-end', '550 5.2.255 Invalid recipients'),
  '554-5.2.2': at(
    'submission',
    'data-end',
    '554 5.2.2 STOREDRV.Submission.Exception:QuotaExceededException; mailbox full',
  ),
  '554-5.2.0-quota': at(
    'submission',
    'data-end',
    '554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception',
  ),
  '550-5.2.2': at('submission', 'data-end', '550 5.2.2 Submission quota exceeded'),
  '550-5.1.90': at('submission', 'rcpt', '550 5.1.90 The daily limit for message recipients is reached'),
  '550-5.7.232': at(
    'submission',
    'data-end',
    '550 5.7.232 The trial tenant exceeded its external recipients',
  ),
  '550-5.7.233': at('submission', 'data-end', '550 5.7.233 The tenant exceeded its external recipients'),
  '550-5.7.236': at('submission', 'data-end', '550 5.7.236 The onmicrosoft.com domain exceeded its limit'),
  '554-5.2.270': at('submission', 'data-end', '554 5.2.270 The message is larger than the mailbox may send'),
  '552-5.3.4': at('mx', 'data-end', '552 5.3.4 Message size exceeds the limit'),
  '550-5.1.8': at('submission', 'mail', '550 5.1.8 Access denied, bad outbound sender'),
  '550-5.7.705': at('submission', 'data-end', '550 5.7.705 Access denied, tenant has exceeded threshold'),
  '550-5.7.708': at('mx', 'rcpt', '550 5.7.708 Access denied, traffic not accepted from this IP'),
  '550-5.7.750': at('submission', 'mail', '550 5.7.750 Client blocked from sending, unregistered domains'),
  '550-5.7.501': at('mx', 'mail', '550 5.7.501 Access denied, spam abuse detected'),
  '550-5.7.502': at('mx', 'mail', '550 5.7.502 Access denied, banned sender'),
  '550-5.7.503': at('mx', 'mail', '550 5.7.503 Access denied, banned sender'),
  '550-5.7.511': at('mx', 'rcpt', '550 5.7.511 Access denied, banned sender'),
  '550-5.7.606': at('mx', 'mail', '550 5.7.606 Access denied, banned sending IP'),
  '550-5.7.649': at('mx', 'mail', '550 5.7.649 Access denied, banned sending IP'),
  '550-5.7.64': at('mx', 'rcpt', '550 5.7.64 TenantAttribution; Relay Access Denied'),
  '550-5.7.51': at(
    'mx',
    'mail',
    '550 5.7.51 RestrictDomainsToIPAddresses or RestrictDomainsToCertificate; the partner connector refuses',
  ),
  '550-5.7.68': at(
    'mx',
    'rcpt',
    '550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized sources',
  ),
  '550-5.7.54': at('mx', 'rcpt', '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain'),
  '550-5.7.1': at('mx', 'rcpt', '550 5.7.1 Unable to relay'),
  '550-5.4.1': at('mx', 'rcpt', '550 5.4.1 Recipient address rejected: Access denied.'),
  '550-5.1.1': at('submission', 'rcpt', '550 5.1.1 The recipient is not known'),
  '550-5.1.10': at('submission', 'rcpt', '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found'),
  '550-5.7.512': at(
    'mx',
    'data-end',
    '550 5.7.512 Access denied, message must have a valid From header (RFC 5322 section 3.6.2)',
  ),
  '550-5.6.11': at('mx', 'data-end', '550 5.6.11 Bare line feeds or invalid characters are not accepted'),
  '550-5.7.506': at('mx', 'ehlo', '550 5.7.506 Access denied, bad HELO'),
  '550-5.7.25': at('mx', 'connect', '550 5.7.25 The sending IPv6 address must have a reverse DNS record'),
  '550-5.7.510': at('mx', 'connect', '550 5.7.510 Access denied, IPv6 is not accepted here'),
  '550-5.7.509': at('mx', 'data-end', '550 5.7.509 Access denied, sending domain does not pass DMARC'),
  '550-5.5.105': at('submission', 'rcpt', '550 5.5.105 High volume email takes internal recipients only'),
  '550-5.9.9': at('mx', 'rcpt', '550 5.9.9 A lasting trouble that no table knows'),
} as const satisfies Record<string, ReplyRow>;

export type ReplyId = keyof typeof REPLIES;

/** What a step is about: the addresses in it. */
export interface Subject {
  sender?: string;
  recipients?: string[];
  /** Name given at sign-in. */
  user?: string;
}

/** Local part that asks for a row: `reply-` and its id, such as `reply-451-4.7.500@contoso.com`. */
const NAMED = /^reply-([^@]+)@/i;

/** The row an address asks for by its local part, or null. */
function replyIdOf(address: string): ReplyId | null {
  const id = NAMED.exec(address)?.[1]?.toLowerCase();
  return id !== undefined && isReplyId(id) ? id : null;
}

/** How a row is asked for by name. Rows of a greeting can be raised by a switch, and by a recipient. */
export function namedBy(row: ReplyRow): ('recipient' | 'sender' | 'user')[] {
  switch (row.stage) {
    case 'auth':
      return ['user'];
    case 'mail':
    case 'data':
    case 'data-end':
      return ['recipient', 'sender'];
    default:
      return ['recipient'];
  }
}

/** The reply that a name in `about` asks for at this stage, or null. */
export function namedReply(stage: Stage, about: Subject): string | null {
  const names = [
    ...ask('recipient', about.recipients ?? []),
    ...ask('sender', about.sender === undefined ? [] : [about.sender]),
    ...ask('user', about.user === undefined ? [] : [about.user]),
  ];
  return names.find((name) => stageOf(name.row, name.by) === stage)?.row.text ?? null;
}

function ask(by: 'recipient' | 'sender' | 'user', addresses: string[]) {
  return addresses.flatMap((address) => {
    const id = replyIdOf(address);
    const row: ReplyRow | null = id === null ? null : REPLIES[id];
    return row && namedBy(row).includes(by) ? [{ row, by }] : [];
  });
}

/** A recipient is known only at RCPT: rows of earlier steps are answered there. */
function stageOf(row: ReplyRow, by: 'recipient' | 'sender' | 'user'): Stage {
  if (by !== 'recipient') return row.stage;
  return row.stage === 'data' || row.stage === 'data-end' ? row.stage : 'rcpt';
}

function isReplyId(id: string): id is ReplyId {
  return Object.hasOwn(REPLIES, id);
}

/** The rules of smtp.office365.com: TLS first, sign-in switches, SendAs at the end of DATA, limits per mailbox. */

import type { Clock } from '../core/clock.ts';
import { DAY_MS, MINUTE_MS } from '../core/durations.ts';
import { LIMITS } from '../core/limits.ts';
import type { CollectedBody } from './message-store.ts';
import { REPLIES, type ReplyId } from './replies.ts';
import { type Credentials, capabilityList, type HostPolicy, type Session } from './session.ts';
import { listed, type Mailbox, type TenantState } from './tenant.ts';
import type { TokenService } from './tokens.ts';

export const SUBMISSION_HOST = 'smtp.office365.com';
const SENT = '250 2.0.0 OK: queued for delivery';

/** What a mailbox used up, and the most it ever used at once. */
export interface MailboxUse {
  connectionsPeak: number;
  /** Most messages accepted in any 60 seconds. */
  messagesPerMinutePeak: number;
  messages: number;
}

export interface SubmissionPolicy extends HostPolicy {
  use(mailbox: string): MailboxUse;
}

interface Ledger extends MailboxUse {
  sessions: Set<Session>;
  sentAt: number[];
  recipientsAt: { at: number; count: number }[];
}

export function createSubmissionPolicy(deps: {
  clock: Clock;
  tenant: TenantState;
  tokens: TokenService;
}): SubmissionPolicy {
  const { clock, tenant, tokens } = deps;
  const ledgers = new Map<string, Ledger>();
  const faults = () => tenant.faults.submission;

  function ledger(mailbox: string): Ledger {
    const found = ledgers.get(mailbox) ?? {
      connectionsPeak: 0,
      messagesPerMinutePeak: 0,
      messages: 0,
      sessions: new Set(),
      sentAt: [],
      recipientsAt: [],
    };
    ledgers.set(mailbox, found);
    return found;
  }

  const isReady = (session: Session) => session.tls !== null || faults().plainTextOnly;

  /** Which limit of the mailbox stands against this message, if they are enforced. */
  function overLimit(session: Session, book: Ledger): ReplyId | null {
    const now = clock.now();
    book.sentAt = book.sentAt.filter((at) => now - at < MINUTE_MS);
    book.recipientsAt = book.recipientsAt.filter(({ at }) => now - at < DAY_MS);
    if (!tenant.enforceLimits) return null;
    if (book.sessions.size > tenant.limits.connections) return '432-4.3.2-thread';
    if (book.sentAt.length >= tenant.limits.messagesPerMinute) return '432-4.3.2';
    const recipients = book.recipientsAt.reduce((sum, { count }) => sum + count, session.recipients.length);
    return recipients > tenant.limits.recipientsPerDay ? '554-5.2.0-quota' : null;
  }

  function count(session: Session, book: Ledger): void {
    const now = clock.now();
    book.messages++;
    book.sentAt.push(now);
    book.recipientsAt.push({ at: now, count: session.recipients.length });
    book.messagesPerMinutePeak = Math.max(book.messagesPerMinutePeak, book.sentAt.length);
  }

  function refusal(session: Session, mailbox: Mailbox, body: CollectedBody): ReplyId | null {
    if (body.malformed) return '550-5.6.11';
    const from = headerFrom(body.header);
    if (from === null) return '550-5.7.512';
    if (!maySendAs(mailbox, from) || !maySendAs(mailbox, session.sender ?? '')) return '554-5.2.252';
    if (mailbox.full) return '554-5.2.2';
    if (body.bodyBytes > mailbox.sendBytesMax) return '554-5.2.270';
    return overLimit(session, ledger(mailbox.address));
  }

  return {
    kind: 'submission',
    hostname: SUBMISSION_HOST,
    sessionMaxMs: LIMITS.sessionMaxMs,
    clientAuthorities: () => null,
    mechanisms: (session) => (isReady(session) ? ['LOGIN', 'XOAUTH2'] : []),
    capabilities(session) {
      const isOffered = session.tls === null && !faults().stripStarttls && !faults().plainTextOnly;
      return capabilityList({ starttls: isOffered, mechanisms: this.mechanisms(session) });
    },
    signIn(_session, credentials) {
      const refused = signInRefusal({ tenant, tokens }, credentials);
      return refused === null ? '235 2.7.0 Authentication successful' : REPLIES[refused].text;
    },
    signedIn(session) {
      const book = ledger(session.user ?? '');
      book.sessions.add(session);
      book.connectionsPeak = Math.max(book.connectionsPeak, book.sessions.size);
    },
    mail(session) {
      if (!isReady(session)) return REPLIES['451-5.7.3'].text;
      return session.user === null ? REPLIES['530-5.7.57'].text : '250 2.1.0 Sender OK';
    },
    rcpt(session) {
      return session.recipients.length >= tenant.limits.recipientsPerMessage
        ? REPLIES['452-4.5.3'].text
        : '250 2.1.5 Recipient OK';
    },
    message(session, body) {
      const mailbox = tenant.mailboxes.get(session.user ?? '');
      if (!mailbox) return REPLIES['530-5.7.57'].text;
      const refused = refusal(session, mailbox, body);
      if (refused !== null) return REPLIES[refused].text;
      count(session, ledger(mailbox.address));
      return SENT;
    },
    ended(session) {
      if (session.user !== null) ledger(session.user).sessions.delete(session);
    },
    use(mailbox) {
      const { connectionsPeak, messagesPerMinutePeak, messages } = ledger(mailbox.toLowerCase());
      return { connectionsPeak, messagesPerMinutePeak, messages };
    },
  };
}

/** Which switch or check stands against a sign-in; the switch for SMTP AUTH counts for OAuth too (2.6). */
function signInRefusal(
  deps: { tenant: TenantState; tokens: TokenService },
  credentials: Credentials,
): ReplyId | null {
  const { tenant } = deps;
  const isBasic = credentials.mechanism === 'LOGIN';
  if (isBasic && tenant.basicAuthRemoved) return '550-5.7.30';
  if (tenant.smtpAuthDisabled !== null) return `535-5.7.139-${tenant.smtpAuthDisabled}`;
  if (tenant.securityDefaults) return '535-5.7.139-security-defaults';
  if (tenant.signInPolicy === 'criteria') return '535-5.7.139-criteria';
  if (isBasic && tenant.signInPolicy !== null) return `535-5.7.139-${tenant.signInPolicy}`;
  const mailbox = tenant.mailboxes.get(credentials.user.toLowerCase());
  const isGood =
    mailbox !== undefined &&
    !mailbox.locked &&
    (isBasic ? credentials.password === mailbox.password : tokenFits(deps, mailbox, credentials.token));
  return isGood ? null : '535-5.7.3';
}

/** An app needs the role and the mailbox's permission; a person the mailbox itself or delegation. */
function tokenFits(
  deps: { tenant: TenantState; tokens: TokenService },
  mailbox: Mailbox,
  token: string,
): boolean {
  const owner = deps.tokens.owner(token);
  if (!owner) return false;
  if (owner.user !== null) return owner.user === mailbox.address || listed(mailbox.delegates, owner.user);
  const app = deps.tenant.apps.get(owner.clientId);
  return app?.canSendAsApp === true && listed(app.mailboxes, mailbox.address);
}

function maySendAs(mailbox: Mailbox, address: string): boolean {
  return address.toLowerCase() === mailbox.address.toLowerCase() || listed(mailbox.sendAs, address);
}

/** The address in the From header, or null when there is none (RFC 5322 section 3.6.2 wants exactly one field). */
export function headerFrom(header: string): string | null {
  const fields = [...header.matchAll(/^from:[ \t]*(.+)$/gim)];
  const value = fields.length === 1 ? fields[0]?.[1] : undefined;
  return (
    /<([^<>\s]+@[^<>\s]+)>\s*$/.exec(value ?? '')?.[1] ??
    /^([^<>\s]+@[^<>\s]+)\s*$/.exec(value ?? '')?.[1] ??
    null
  );
}

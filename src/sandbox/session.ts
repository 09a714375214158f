/** What a simulated host knows of one connection, and what it asks its policy. */
import type { TlsFacts } from '../core/message.ts';
import type { CollectedBody } from './message-store.ts';
import type { HostKind } from './replies.ts';

export interface ClientCertificate {
  /** DNS names and the common name in it. */
  names: string[];
  /** Whether it chained to an authority of the connector. */
  trusted: boolean;
}

export interface Session {
  readonly host: HostKind;
  readonly address: string;
  readonly startedAt: number;
  ehlo: string | null;
  tls: TlsFacts | null;
  clientCertificate: ClientCertificate | null;
  user: string | null;
  sender: string | null;
  recipients: string[];
}

/** One line of the record of sessions: how far a caller came, and in what. */
export interface SessionRecord {
  host: HostKind;
  address: string;
  startedAt: number;
  endedAt: number | null;
  ehlo: string | null;
  tls: TlsFacts | null;
  user: string | null;
  /** Verbs in order, each marked `(plain)` when it crossed without TLS; never an argument. */
  commands: string[];
  /** Error of the socket or of the handshake, if one ended it. */
  failure: string | null;
}

export type Credentials =
  | { mechanism: 'LOGIN'; user: string; password: string }
  | { mechanism: 'XOAUTH2'; user: string; token: string };

/** The rules of one host. Every reply is a whole one, code first, without its CRLF. */
export interface HostPolicy {
  readonly kind: HostKind;
  readonly hostname: string;
  /** Lines of the EHLO reply after the first. */
  capabilities(session: Session): string[];
  mechanisms(session: Session): string[];
  /** A reply of class 2 signs the user in. */
  signIn(session: Session, credentials: Credentials): string;
  signedIn(session: Session): void;
  mail(session: Session, sender: string): string;
  rcpt(session: Session, recipient: string): string;
  /** The answer to the final dot. */
  message(session: Session, body: CollectedBody): string;
  /** Authorities for client certificates; null asks for none. */
  clientAuthorities(): string[] | null;
  sessionMaxMs: number;
  ended(session: Session): void;
}

/** The list of docs/sources.md, greeting and TLS; STARTTLS and AUTH are added where they belong. */
export function capabilityList(options: { starttls: boolean; mechanisms: string[] }): string[] {
  return [
    `SIZE ${ADVERTISED_BYTES_MAX}`,
    'PIPELINING',
    'DSN',
    'ENHANCEDSTATUSCODES',
    ...(options.starttls ? ['STARTTLS'] : []),
    ...(options.mechanisms.length > 0 ? [`AUTH ${options.mechanisms.join(' ')}`] : []),
    '8BITMIME',
    'BINARYMIME',
    'CHUNKING',
    'SMTPUTF8',
  ];
}

/** What EHLO says; the mailbox's real limit is smaller (docs/sources.md, limits). */
export const ADVERTISED_BYTES_MAX = 157_286_400;

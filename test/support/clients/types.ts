/** What the real client programs have in common: the request, the result, and what each is able to do. */
import type { TlsVersion } from '../postfix-config.ts';

export type TlsMode = 'none' | 'starttls' | 'implicit';
export type Mechanism = 'PLAIN' | 'LOGIN' | 'CRAM-MD5';

export interface ClientLogin {
  user: string;
  password: string;
  mechanism: Mechanism;
}

export interface SendRequest {
  host: string;
  port: number;
  tls: TlsMode;
  /** Exactly this version is offered; without it the program's own choice. */
  tlsVersion?: TlsVersion;
  /** An authority file: then the server must prove its name. Without it any certificate is taken, as devices do. */
  caFile?: string;
  login?: ClientLogin;
  /** Argument of EHLO. Default copier.contoso.com. */
  greeting?: string;
  sender: string;
  recipients: readonly [string, ...string[]];
  /** Headers and content with CRLF line ends, not dot-stuffed. */
  message: Buffer;
  /** Milliseconds for the whole session. Default 60 s. */
  limitMs?: number;
}

export interface SendResult {
  /** The program itself says that the message was accepted. */
  ok: boolean;
  /** Last reply before QUIT, such as `250 2.0.0 Ok: queued`, all its lines; empty when none came. */
  reply: string;
  /** Its code, or null. */
  code: number | null;
  /** TLS version in the program's own words, or null. */
  tls: string | null;
  stdout: string;
  stderr: string;
}

/** What a program can do: tests go through these lists, so that nothing is left out in silence. */
export interface ClientAbilities {
  modes: readonly TlsMode[];
  tlsVersions: readonly TlsVersion[];
  mechanisms: readonly Mechanism[];
  /** What it proves when given an authority. */
  verifies: 'chain' | 'chain and name';
}

export interface Client {
  name: string;
  can: ClientAbilities;
  send(request: SendRequest): Promise<SendResult>;
}

export const EVERY_TLS_VERSION = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export const SEND_LIMIT_MS = 60_000;
export const GREETING = 'copier.contoso.com';
/** OpenSSL 3 does TLS 1.0 and 1.1 only at security level 0 (SHA-1 in the handshake). */
export const LEGACY_CIPHERS = 'ALL:@SECLEVEL=0';

/** True where the version needs LEGACY_CIPHERS. */
export function isLegacy(version: TlsVersion | undefined): boolean {
  return version === 'TLSv1' || version === 'TLSv1.1';
}

/** The table of what can go wrong on the way to a server, apart from what the server says: names, network, TLS. */
import type { Explanation } from '../core/errors.ts';

interface FaultRow {
  cause: string;
  advice: string;
  /** Waiting won't heal it. */
  needsPerson?: true;
}

const FIREWALL = 'Check the uplink and that the firewall lets this box out to that host and port.';
const INSPECTION = 'Look for a firewall that opens TLS; if it must, set its authority as `ca` of the route.';

/** Keyed by explanation code. */
export const FAULTS = {
  'route.refused': { cause: 'The server refused the connection.', advice: FIREWALL },
  'route.timeout': { cause: 'The server did not answer in time.', advice: FIREWALL },
  'route.unreachable': { cause: 'There is no way through the network to the server.', advice: FIREWALL },
  'route.blocked': {
    cause: 'A rule on this box forbids the connection.',
    advice: 'Check the firewall rules of this box.',
  },
  'route.reset': { cause: 'The connection was cut.', advice: FIREWALL },
  'route.closed': {
    cause: 'The server closed the connection before it had said what it thinks of the message.',
    advice: FIREWALL,
  },
  'route.out-of-sockets': {
    cause: 'This box has no more sockets or ports free.',
    advice: 'Restart the agent; if it comes back, report it.',
  },
  'route.connection-failed': { cause: 'The connection to the server failed.', advice: FIREWALL },
  'route.protocol': {
    cause: 'The server does not talk SMTP as it should.',
    advice: 'Check host and port of the route.',
  },
  'route.aborted': { cause: 'The agent was stopping.', advice: 'Nothing to do, it is tried again.' },
  'route.name-unknown': {
    cause: 'The name of the server does not exist.',
    advice: 'Check the spelling of host or domain of the route.',
  },
  'route.name-without-address': {
    cause: 'The name of the server has no IP address.',
    advice: 'Check host or domain of the route.',
  },
  'route.names-failed': {
    cause: 'The name servers did not answer.',
    advice: 'Check the uplink and the DNS servers this box uses.',
  },
  'route.mx-unknown-domain': {
    cause: 'The domain of the route does not exist.',
    advice: 'Check the spelling of the domain.',
  },
  'route.mx-missing': {
    cause: 'The domain of the route has no MX record.',
    advice: 'Check the domain; its MX record is shown in the Microsoft 365 admin center under Domains.',
  },
  'route.mx-null': {
    cause: 'The domain of the route says that it takes no mail (null MX, RFC 7505).',
    advice: 'Check the domain of the route.',
  },
  'route.starttls-missing': {
    cause: 'The server offers no encryption (STARTTLS), and mail never goes out in plain text.',
    advice: 'Look for a firewall that removes STARTTLS (SMTP inspection), or check host and port.',
    needsPerson: true,
  },
  'route.certificate-expired': {
    cause: "The server's certificate has expired.",
    advice: 'If it is your own server, renew its certificate; otherwise check the clock of this box.',
    needsPerson: true,
  },
  'route.certificate-not-yet-valid': {
    cause: "The server's certificate is not valid yet.",
    advice: 'Check the clock of this box.',
    needsPerson: true,
  },
  'route.certificate-wrong-name': {
    cause: "The server's certificate is for another name.",
    advice: 'Check the host of the route; it must be the name in the certificate, not an address.',
    needsPerson: true,
  },
  'route.certificate-unknown-issuer': {
    cause: "The server's certificate was issued by an authority this box does not know.",
    advice: INSPECTION,
    needsPerson: true,
  },
  'route.certificate-self-signed': {
    cause: "The server's certificate is self-signed, so nobody vouches for it.",
    advice: INSPECTION,
    needsPerson: true,
  },
  'route.certificate-unfit': {
    cause: "The server's certificate can't be used to verify it.",
    advice: 'Have the certificate of the server replaced; the log has the exact reason.',
    needsPerson: true,
  },
  'route.tls-too-old': {
    cause: 'The server speaks only TLS 1.1 or older.',
    advice: 'Bring the server to TLS 1.2 or newer; this box accepts nothing less toward the outside.',
    needsPerson: true,
  },
  'route.tls-no-common-cipher': {
    cause: 'The server and this box have no cipher in common.',
    advice: "Check the server's TLS settings.",
    needsPerson: true,
  },
  'route.tls-certificate-wanted': {
    cause: 'The server did not accept the client certificate of this box.',
    advice: 'Check the certificate of the route: not expired, whole chain, and known to the server.',
    needsPerson: true,
  },
  'route.tls-alert': {
    cause: 'The server ended the TLS handshake.',
    advice: 'Check host and port of the route; the log has the exact alert.',
  },
  'route.tls-failed': {
    cause: 'The TLS handshake with the server failed.',
    advice: INSPECTION,
  },
  'route.auth-missing': {
    cause: 'The server offers no way to sign in that fits this route.',
    advice: 'Check host and port, and whether the auth kind of the route fits the server.',
    needsPerson: true,
  },
  'route.own-certificate-unusable': {
    cause: 'The certificate or the key of this route can not be used.',
    advice: 'Give PEM files whose key belongs to the certificate and has no passphrase.',
    needsPerson: true,
  },
  'route.sign-in-elsewhere': {
    cause: 'The sign-in service pointed to an address that is not the configured one, or not HTTPS.',
    advice: 'Check `authority` and `cloud` of the route.',
    needsPerson: true,
  },
} as const satisfies Record<string, FaultRow>;

export type FaultCode = keyof typeof FAULTS;

/** Codes of Node.js, c-ares and OpenSSL. Exact ones first, the patterns below for families. */
const BY_ERROR_CODE: Record<string, FaultCode> = {
  ECONNREFUSED: 'route.refused',
  ETIMEDOUT: 'route.timeout',
  EHOSTUNREACH: 'route.unreachable',
  ENETUNREACH: 'route.unreachable',
  EHOSTDOWN: 'route.unreachable',
  ENETDOWN: 'route.unreachable',
  EADDRNOTAVAIL: 'route.unreachable',
  EACCES: 'route.blocked',
  EPERM: 'route.blocked',
  ECONNRESET: 'route.reset',
  EPIPE: 'route.reset',
  ECONNABORTED: 'route.reset',
  EMFILE: 'route.out-of-sockets',
  ENFILE: 'route.out-of-sockets',
  ENOBUFS: 'route.out-of-sockets',
  EPROTOCOL: 'route.protocol',
  CERT_HAS_EXPIRED: 'route.certificate-expired',
  CERT_NOT_YET_VALID: 'route.certificate-not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'route.certificate-wrong-name',
  HOSTNAME_MISMATCH: 'route.certificate-wrong-name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'route.certificate-self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'route.certificate-unknown-issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'route.certificate-unknown-issuer',
  UNABLE_TO_GET_ISSUER_CERT: 'route.certificate-unknown-issuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'route.certificate-unknown-issuer',
  CERT_UNTRUSTED: 'route.certificate-unknown-issuer',
  CERT_CHAIN_TOO_LONG: 'route.certificate-unfit',
  CERT_REVOKED: 'route.certificate-unfit',
  CERT_REJECTED: 'route.certificate-unfit',
  CERT_SIGNATURE_FAILURE: 'route.certificate-unfit',
  INVALID_CA: 'route.certificate-unfit',
  INVALID_PURPOSE: 'route.certificate-unfit',
  PATH_LENGTH_EXCEEDED: 'route.certificate-unfit',
  CA_MD_TOO_WEAK: 'route.certificate-unfit',
  EE_KEY_TOO_SMALL: 'route.certificate-unfit',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'route.tls-too-old',
  ERR_SSL_WRONG_SSL_VERSION: 'route.tls-too-old',
  ERR_SSL_NO_SHARED_CIPHER: 'route.tls-no-common-cipher',
  ERR_SSL_DH_KEY_TOO_SMALL: 'route.tls-no-common-cipher',
};

const BY_ERROR_PATTERN: readonly (readonly [RegExp, FaultCode])[] = [
  [
    /^ERR_SSL_.*ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED)/,
    'route.tls-certificate-wanted',
  ],
  // OpenSSL has renamed its alerts more than once: SSLV3_ALERT_..., SSL/TLS_ALERT_...
  [/^ERR_SSL_.*ALERT_HANDSHAKE_FAILURE$/, 'route.tls-no-common-cipher'],
  [/^ERR_SSL_.*ALERT_PROTOCOL_VERSION$/, 'route.tls-too-old'],
  [/^ERR_SSL_.*ALERT/, 'route.tls-alert'],
  [/^ERR_SSL_|^ERR_TLS_/, 'route.tls-failed'],
];

/** Codes of name lookups: of the system's resolver (EAI_AGAIN) and of c-ares. */
const BY_LOOKUP_CODE: Record<string, FaultCode> = {
  ENOTFOUND: 'route.name-unknown',
  ENODATA: 'route.name-without-address',
};

/** The fault behind an error of a socket or a TLS handshake. */
export function faultCodeOf(error: unknown): FaultCode {
  for (const code of errorCodes(error)) {
    const exact = BY_ERROR_CODE[code];
    if (exact !== undefined) return exact;
    const family = BY_ERROR_PATTERN.find(([pattern]) => pattern.test(code));
    if (family !== undefined) return family[1];
  }
  return 'route.connection-failed';
}

/** The fault behind an error of a name lookup; anything unknown counts as name servers in trouble. */
export function lookupFaultCodeOf(error: unknown): FaultCode {
  for (const code of errorCodes(error)) {
    const known = BY_LOOKUP_CODE[code];
    if (known !== undefined) return known;
  }
  return 'route.names-failed';
}

/** The table's sentence with the place in it, and the exact error for those who know it. */
export function explainFault(code: FaultCode, where: string, error?: unknown): Explanation {
  const row: FaultRow = FAULTS[code];
  const detail = error === undefined ? undefined : errorCodes(error)[0];
  const place = detail === undefined ? where : `${where}; ${detail}`;
  return { code, cause: row.cause.replace(/\.$/, ` (${place}).`), advice: row.advice };
}

/** Whether a person must act before this heals. */
export function faultNeedsPerson(code: FaultCode): boolean {
  const row: FaultRow = FAULTS[code];
  return row.needsPerson ?? false;
}

/** nodemailer puts its own code over the system's and keeps that as originalCode. */
function errorCodes(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = ['originalCode', 'code']
    .map((key) => Reflect.get(error, key))
    .filter((code): code is string => typeof code === 'string');
  return error.cause === undefined ? own : [...own, ...errorCodes(error.cause)];
}

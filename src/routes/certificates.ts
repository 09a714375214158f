/** What a certificate says, in a form that people and other rooms can read. */
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

export interface CertificateFacts {
  /** Common name or organisation of the holder. */
  subject: string;
  issuer: string;
  /** Names it is valid for, as `DNS:host, IP Address:192.0.2.1`; '' where it has none. */
  names: string;
  /** Epoch milliseconds. */
  validFrom: number;
  validTo: number;
}

/** A server sends a handful; a loop of issuers ends here. */
const CHAIN_MAX = 10;

/** The certificates that the other side of `socket` showed, its own first; empty before the handshake. */
export function chainOf(socket: TLSSocket): CertificateFacts[] {
  const chain: CertificateFacts[] = [];
  let current: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  const seen = new Set<string>();
  while (isPresent(current) && !seen.has(current.fingerprint256) && chain.length < CHAIN_MAX) {
    seen.add(current.fingerprint256);
    chain.push({
      subject: nameIn(current.subject),
      issuer: nameIn(current.issuer),
      names: current.subjectaltname ?? '',
      validFrom: Date.parse(current.valid_from),
      validTo: Date.parse(current.valid_to),
    });
    current = current.issuerCertificate;
  }
  return chain;
}

/** One line for each certificate, for details under a finding. */
export function describeChain(chain: readonly CertificateFacts[]): string[] {
  return chain.map(({ subject, issuer, names, validFrom, validTo }, index) => {
    const place = index === 0 ? 'certificate' : 'issued by';
    const valid = `valid ${isoDay(validFrom)} to ${isoDay(validTo)}`;
    return `${place} ${subject}${names === '' ? '' : ` (${names})`}, ${valid}, issuer ${issuer}`;
  });
}

/** `2026-11-24` of epoch milliseconds, in UTC as certificates count. */
export function isoDay(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

/** Node gives an empty object where there is no certificate. */
function isPresent(certificate: DetailedPeerCertificate | undefined): certificate is DetailedPeerCertificate {
  return certificate !== undefined && typeof certificate.fingerprint256 === 'string';
}

function nameIn(name: DetailedPeerCertificate['subject'] | undefined): string {
  const field = name?.CN ?? name?.O ?? name?.OU;
  return (Array.isArray(field) ? field.join(', ') : field) ?? 'without a name';
}

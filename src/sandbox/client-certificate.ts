/** Reads and judges the certificate a caller showed: its names, and whether it chains to a known authority. */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { ClientCertificate } from './session.ts';

/** Longest chain followed; public ones have three. */
const CHAIN_MAX = 5;

/**
 * The caller's certificate, or null without one. Node.js judges client certificates for sockets of its own
 * tls.Server only, so the chain is walked here.
 */
export function clientCertificateOf(
  socket: TLSSocket,
  authorities: string[],
  now: number,
): ClientCertificate | null {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return null;
  const roots = authorities.map((pem) => new X509Certificate(pem));
  return { names: namesOf(certificate), trusted: isTrusted(certificate, roots, now) };
}

function namesOf(certificate: X509Certificate): string[] {
  const alternative = [...(certificate.subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)];
  const common = /^CN=(.+)$/m.exec(certificate.subject);
  const names = [...alternative, ...(common ? [common] : [])].flatMap((found) => found[1] ?? []);
  return [...new Set(names)];
}

/** Every link in force and signed by the next; the last by one of the authorities. */
function isTrusted(leaf: X509Certificate, roots: X509Certificate[], now: number): boolean {
  let link = leaf;
  for (let depth = 0; depth < CHAIN_MAX; depth++) {
    if (Date.parse(link.validFrom) > now || Date.parse(link.validTo) < now) return false;
    if (roots.some((root) => isIssuedBy(link, root))) return true;
    const next = link.issuerCertificate;
    if (!next?.ca || !isIssuedBy(link, next)) return false;
    link = next;
  }
  return false;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

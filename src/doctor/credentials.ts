/** Dates after which something is refused: certificates and client secrets of our own. */

import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { DAY_MS } from '../core/durations.ts';
import { describeError } from '../core/log.ts';
import type { FileText } from '../core/settings.ts';
import { isoDay } from '../routes/certificates.ts';
import { fail, ok, warn } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import type { Finding } from './types.ts';

/** Time enough to ask whoever can make a new one; health warns by the same figure. */
const WARN_BEFORE_MS = 30 * DAY_MS;

/** What the end of a certificate's time means now, or null where it is far. */
export function expiryFinding(name: string, what: string, validTo: number, now: number): Finding | null {
  const day = isoDay(validTo);
  if (validTo <= now) return fail(name, 'expired', PROBLEMS.certificateExpired(what, day));
  if (validTo - now <= WARN_BEFORE_MS)
    return warn(name, `until ${day}`, PROBLEMS.certificateExpires(what, day));
  return null;
}

interface CertificateUse {
  now: number;
  /** PEM of an authority that the other side trusts besides the public ones. */
  ca?: string | undefined;
  /** Microsoft's MX wants it signed by an authority, with its whole chain (5.7.64). */
  isForConnector?: boolean;
}

/** The certificate of a PEM file of the config, its own first and its chain behind it. */
export function checkClientCertificate(
  name: string,
  { path, text }: FileText,
  { now, ca, isForConnector = false }: CertificateUse,
): Finding {
  const what = `The certificate ${path}`;
  try {
    const leaf = new X509Certificate(text);
    const names = leaf.subjectAltName ?? leaf.subject;
    const validTo = Date.parse(leaf.validTo);
    const trouble =
      expiryFinding(name, what, validTo, now) ??
      (isForConnector ? chainTrouble(name, text, { leaf, ca }) : null);
    return trouble ?? ok(name, `${names}, until ${isoDay(validTo)}`);
  } catch (error) {
    return fail(name, 'unreadable', PROBLEMS.certificateUnreadable(what, describeError(error)));
  }
}

function chainTrouble(
  name: string,
  text: string,
  { leaf, ca }: { leaf: X509Certificate; ca: string | undefined },
): Finding | null {
  const file = pemBlocks(text);
  if (leaf.checkIssued(leaf))
    return fail(name, 'self-signed', PROBLEMS.connectorSelfSigned(leaf.subject.replaceAll('\n', ', ')));
  const roots = [...rootCertificates, ...pemBlocks(ca ?? '')];
  const isIssued = (pem: string) => leaf.checkIssued(new X509Certificate(pem));
  if (file.slice(1).some(isIssued) || roots.some(isIssued)) return null;
  return warn(name, 'without its chain', PROBLEMS.connectorChainMissing(leaf.issuer.replaceAll('\n', ', ')));
}

function pemBlocks(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

/** @param day `2027-05-31`, after which the sign-in service no longer takes the secret. */
export function checkSecretExpiry(name: string, day: string, now: number): Finding {
  const validTo = Date.parse(`${day}T23:59:59Z`);
  if (validTo <= now) return fail(name, 'expired', PROBLEMS.secretExpired(day));
  if (validTo - now <= WARN_BEFORE_MS) return warn(name, `until ${day}`, PROBLEMS.secretExpires(day));
  return ok(name, `until ${day}`);
}

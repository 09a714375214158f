/** TLS toward the other side: 1.2 or newer, chain and name verified. There is no switch to weaken it. */
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { OperatorError } from '../core/errors.ts';
import type { FileText } from '../core/settings.ts';
import { explainFault } from './faults.ts';

export const TLS_MIN_VERSION = 'TLSv1.2';

/** @param extra a PEM bundle to trust besides the roots that come with Node.js (Mozilla's list). */
export function trustedAuthorities(extra: FileText | undefined): string[] {
  return extra === undefined ? [...rootCertificates] : [...rootCertificates, extra.text];
}

/** Gives the context of a route; made at its first use, once: to read the roots takes 10 ms and 2 MiB. */
export type RouteTls = () => SecureContext;

/** @throws OperatorError at once when certificate and key of the settings are no usable PEM. */
export function createRouteTls(settings: {
  ca?: FileText | undefined;
  certificate?: { cert: FileText; key: FileText } | undefined;
}): RouteTls {
  const { ca, certificate } = settings;
  const own = certificate === undefined ? {} : { cert: certificate.cert.text, key: certificate.key.text };
  if (certificate !== undefined) tryOwn(certificate, own);
  let context: SecureContext | null = null;
  return () => {
    context ??= createSecureContext({ ca: trustedAuthorities(ca), minVersion: TLS_MIN_VERSION, ...own });
    return context;
  };
}

function tryOwn(files: { cert: FileText; key: FileText }, own: { cert?: string; key?: string }): void {
  try {
    // Without authorities, which are not in question and would be read.
    createSecureContext({ ca: [], ...own });
  } catch (error) {
    const places = `${files.cert.path}, ${files.key.path}`;
    const explanation = explainFault('route.own-certificate-unusable', places, error);
    throw new OperatorError(explanation, { exitCode: 2, cause: error });
  }
}

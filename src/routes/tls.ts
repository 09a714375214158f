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

/**
 * Made once for a route: reading the roots anew for every connection costs more than the handshake.
 * @throws OperatorError when a file of the settings is no usable PEM.
 */
export function createRouteTlsContext(settings: {
  ca?: FileText | undefined;
  certificate?: { cert: FileText; key: FileText } | undefined;
}): SecureContext {
  const { ca, certificate } = settings;
  const own = certificate === undefined ? {} : { cert: certificate.cert.text, key: certificate.key.text };
  try {
    return createSecureContext({ ca: trustedAuthorities(ca), minVersion: TLS_MIN_VERSION, ...own });
  } catch (error) {
    const files = [certificate?.cert.path, certificate?.key.path, ca?.path].filter(
      (path) => path !== undefined,
    );
    const explanation = explainFault('route.own-certificate-unusable', files.join(', '), error);
    throw new OperatorError(explanation, { exitCode: 2, cause: error });
  }
}

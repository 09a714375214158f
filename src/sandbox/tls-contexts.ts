/** TLS contexts of one simulated host: its certificates, good and bad, and the versions it speaks. */
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { CertificateAuthority } from './certificates.ts';
import type { CertificateKind, HostFaults } from './faults.ts';

export interface TlsContexts {
  /** The context for a new handshake; `trusted` are the authorities for client certificates. */
  context(
    faults: Pick<HostFaults, 'certificate' | 'tlsMaxVersion'>,
    trusted: string[],
  ): Promise<SecureContext>;
}

/** Microsoft speaks 1.2 and 1.3 (docs/sources.md, greeting and TLS); an older one needs security level 0 too. */
function versions(max: HostFaults['tlsMaxVersion']): SecureContextOptions {
  return max === null
    ? { minVersion: 'TLSv1.2' }
    : { minVersion: 'TLSv1', maxVersion: max, ciphers: 'ALL:@SECLEVEL=0' };
}

export function createTlsContexts(authority: CertificateAuthority, names: string[]): TlsContexts {
  const contexts = new Map<string, Promise<SecureContext>>();

  async function make(
    kind: CertificateKind,
    max: HostFaults['tlsMaxVersion'],
    trusted: string[],
  ): Promise<SecureContext> {
    const { key, cert } = await authority.issue({
      names: kind === 'wrong-name' ? ['mail.fabrikam.com'] : names,
      expired: kind === 'expired',
      selfSigned: kind === 'self-signed',
    });
    return createSecureContext({ key, cert, ca: trusted, ...versions(max) });
  }

  return {
    context(faults, trusted) {
      const id = JSON.stringify([faults.certificate, faults.tlsMaxVersion, trusted]);
      const found = contexts.get(id) ?? make(faults.certificate, faults.tlsMaxVersion, trusted);
      contexts.set(id, found);
      return found;
    },
  };
}

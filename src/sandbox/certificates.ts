/** A throw-away certificate authority in memory, for the simulated servers and for tests. */
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** PEM texts: `cert` holds the leaf followed by its chain without the root. */
export interface IssuedCertificate {
  key: string;
  cert: string;
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;

export interface CertificateOptions {
  /** DNS names; the first is the common name too. */
  names: string[];
  /** Ended in 2001. */
  expired?: boolean;
  /** Signed by its own key instead of the authority. */
  selfSigned?: boolean;
  /** RSA 2048 instead of ECDSA P-256, for peers that want RSA (sign-in with a client certificate does). */
  rsa?: boolean;
}

export interface CertificateAuthority {
  caPem: string;
  issue(options: CertificateOptions): Promise<IssuedCertificate>;
}

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

/** Fixed periods: peers judge them by the system's clock, and a test's clock may stand elsewhere. */
const VALID = { notBefore: new Date('2020-01-01'), notAfter: new Date('2099-12-31') };
const EXPIRED = { notBefore: new Date('2000-01-01'), notAfter: new Date('2001-01-01') };

x509.cryptoProvider.set(webcrypto as unknown as Crypto); // The same object under the browser's type name.

/** Makes a fresh authority; its key never leaves memory. */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const keys = await generateKeys(false);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Sandbox Root, O=Simulated tenant',
    ...VALID,
    keys,
    signingAlgorithm: ECDSA,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    caPem: `${root.toString('pem')}\n`,
    issue: (options) => issueCertificate(options, { issuer: root.subject, keys }),
  };
}

/** Makes a certificate for servers and clients alike; without `signer` it signs itself. */
export async function issueCertificate(
  options: CertificateOptions,
  signer?: { issuer: string; keys: CryptoKeyPair },
): Promise<IssuedCertificate> {
  const keys = await generateKeys(options.rsa === true);
  const subject = `CN=${options.names[0] ?? 'unnamed'}`;
  const own = options.selfSigned === true || signer === undefined;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: own ? subject : signer.issuer,
    ...(options.expired === true ? EXPIRED : VALID),
    publicKey: keys.publicKey,
    signingKey: own ? keys.privateKey : signer.keys.privateKey,
    signingAlgorithm: own && options.rsa === true ? RSA : ECDSA,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(options.names.map((value) => ({ type: 'dns', value }))),
    ],
  });
  return { key: await exportKey(keys.privateKey), cert: `${certificate.toString('pem')}\n` };
}

function generateKeys(rsa: boolean): Promise<CryptoKeyPair> {
  return rsa
    ? webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify'])
    : webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}

/** Positive and never zero in front (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  return `01${randomBytes(15).toString('hex')}`;
}

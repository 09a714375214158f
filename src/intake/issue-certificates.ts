/** Makes the box's root and server certificates (RSA 2048, SHA-256: what the oldest TLS devices can verify). */
import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/** PEM texts. */
export interface KeyAndCertificate {
  key: string;
  cert: string;
}

export interface Period {
  notBefore: Date;
  notAfter: Date;
}

export interface CertificateRequest {
  /** The root that signs, or the name of the box for which one is made. */
  root: KeyAndCertificate | { hostname: string; period: Period };
  /** DNS names and IP addresses mixed; the first is the common name too. */
  server: { names: readonly string[]; period: Period };
}

export interface IssuedCertificates {
  root: KeyAndCertificate;
  server: KeyAndCertificate;
}

const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
/** RFC 5280 appendix A.1: ub-common-name. */
const COMMON_NAME_MAX = 64;
/** RFC 5280 4.1.2.2: at most 20 octets, positive. */
const SERIAL_BYTES = 16;

x509.cryptoProvider.set(webcrypto as unknown as Crypto); // The same object under the browser's type name.

export async function issueCertificates({ root, server }: CertificateRequest): Promise<IssuedCertificates> {
  const signing = 'hostname' in root ? await issueRoot(root.hostname, root.period) : root;
  return { root: signing, server: await issueServer(signing, server.names, server.period) };
}

/** A self-signed root that may sign server certificates and nothing below them. */
async function issueRoot(hostname: string, period: Period): Promise<KeyAndCertificate> {
  const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...period,
    serialNumber: serialNumber(),
    name: [{ CN: [`Scanferry ${hostname}`.slice(0, COMMON_NAME_MAX)] }, { O: ['Scanferry'] }],
    keys,
    signingAlgorithm: RSA,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await exportKey(keys.privateKey), cert: `${root.toString('pem')}\n` };
}

async function issueServer(
  root: KeyAndCertificate,
  names: readonly string[],
  period: Period,
): Promise<KeyAndCertificate> {
  const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
  const issuer = new x509.X509Certificate(root.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    ...period,
    serialNumber: serialNumber(),
    subject: [{ CN: [(names[0] ?? 'scanferry').slice(0, COMMON_NAME_MAX)] }],
    issuer: issuer.subjectName.toJSON(),
    publicKey: keys.publicKey,
    signingKey: await importKey(root.key),
    signingAlgorithm: RSA,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      // keyEncipherment is what RSA key exchange needs, digitalSignature the ECDHE suites.
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { key: await exportKey(keys.privateKey), cert: `${certificate.toString('pem')}\n` };
}

/** A leading zero bit keeps the number positive, a set one behind it keeps its length. */
function serialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return await webcrypto.subtle.importKey('pkcs8', der, RSA, false, ['sign']);
}

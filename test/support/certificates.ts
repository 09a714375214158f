/** Certificates for test servers, made by the openssl program so that they don't depend on what is under test. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOrThrow } from './processes.ts';

/** `selfSigned` names the right host, but nobody trusted signed it. */
export type CertificateKind = 'valid' | 'expired' | 'notYetValid' | 'wrongName' | 'selfSigned';

/** A certificate with its private key, as PEM text and as files (world-readable: servers drop their privileges). */
export interface TestCertificate {
  cert: string;
  key: string;
  certFile: string;
  keyFile: string;
}

export interface TestCertificates {
  directory: string;
  /** The authority to trust. */
  ca: string;
  caFile: string;
  /** A server certificate for the host names; each kind is made once, when it is first asked for. */
  server(kind: CertificateKind): Promise<TestCertificate>;
  /** A client certificate of the same authority. */
  client(commonName: string): Promise<TestCertificate>;
  remove(): Promise<void>;
}

export interface CertificateOptions {
  /** DNS names for the server certificates, the first one as common name. */
  names: readonly [string, ...string[]];
  /** IP addresses for the server certificates. */
  addresses?: readonly string[];
  /** An empty folder to use, which the caller removes; otherwise a temporary one is made. */
  directory?: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;

interface LeafRequest {
  folder: string;
  names: readonly [string, ...string[]];
  addresses: readonly string[];
  usage: 'serverAuth' | 'clientAuth';
  /** Days from now; a past day makes an expired certificate. */
  firstDay: number;
  lastDay: number;
  signedBy: 'authority' | 'itself';
}

/** Makes an authority in a temporary folder; remove() takes everything away again. */
export async function createTestCertificates(options: CertificateOptions): Promise<TestCertificates> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'scanferry-certificates-')));
  const caFile = join(directory, 'ca.pem');
  await writeFile(join(directory, 'ca.cnf'), authorityConfig());
  await runOrThrow('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-days', '30'],
    ...['-config', join(directory, 'ca.cnf'), '-keyout', join(directory, 'ca.key'), '-out', caFile],
  ]);
  const made = new Map<string, Promise<TestCertificate>>();

  function once(request: LeafRequest): Promise<TestCertificate> {
    const known = made.get(request.folder) ?? makeLeaf(directory, request);
    made.set(request.folder, known);
    return known;
  }

  return {
    directory,
    caFile,
    ca: await readFile(caFile, 'utf8'),
    server: (kind) => once(serverRequest(kind, options)),
    client: (commonName) =>
      once({
        folder: `client-${commonName}`,
        names: [commonName],
        addresses: [],
        usage: 'clientAuth',
        firstDay: -1,
        lastDay: 30,
        signedBy: 'authority',
      }),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

const CURRENT = { firstDay: -1, lastDay: 30 };
const DAYS: Record<CertificateKind, { firstDay: number; lastDay: number }> = {
  valid: CURRENT,
  wrongName: CURRENT,
  selfSigned: CURRENT,
  expired: { firstDay: -60, lastDay: -2 },
  notYetValid: { firstDay: 10, lastDay: 30 },
};

function serverRequest(kind: CertificateKind, options: CertificateOptions): LeafRequest {
  const isWrong = kind === 'wrongName';
  return {
    folder: kind,
    names: isWrong ? ['another-host.invalid'] : options.names,
    addresses: isWrong ? [] : (options.addresses ?? []),
    usage: 'serverAuth',
    ...DAYS[kind],
    signedBy: kind === 'selfSigned' ? 'itself' : 'authority',
  };
}

/** `openssl ca` is the one command of OpenSSL 3.0 that can set both dates freely. */
async function makeLeaf(directory: string, request: LeafRequest): Promise<TestCertificate> {
  const folder = join(directory, request.folder);
  const at = (name: string) => join(folder, name);
  await mkdir(folder);
  await writeFile(at('index.txt'), '');
  await writeFile(at('leaf.cnf'), leafConfig(folder, request));
  await runOrThrow('openssl', [
    ...['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-config', at('leaf.cnf')],
    ...['-keyout', at('key.pem'), '-out', at('request.pem')],
  ]);
  const signer =
    request.signedBy === 'itself'
      ? ['-selfsign', '-keyfile', at('key.pem')]
      : ['-cert', join(directory, 'ca.pem'), '-keyfile', join(directory, 'ca.key')];
  await runOrThrow('openssl', [
    ...['ca', '-batch', '-notext', '-config', at('leaf.cnf'), ...signer],
    ...['-startdate', asn1Time(request.firstDay), '-enddate', asn1Time(request.lastDay)],
    ...['-in', at('request.pem'), '-out', at('cert.pem')],
  ]);
  await runOrThrow('chmod', ['-R', 'a+rX', directory]);
  return {
    cert: await readFile(at('cert.pem'), 'utf8'),
    key: await readFile(at('key.pem'), 'utf8'),
    certFile: at('cert.pem'),
    keyFile: at('key.pem'),
  };
}

/** YYYYMMDDHHMMSSZ, the GeneralizedTime that openssl takes. */
function asn1Time(daysFromNow: number): string {
  return `${new Date(Date.now() + daysFromNow * DAY_MS).toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
}

function authorityConfig(): string {
  return `[req]
prompt = no
distinguished_name = name
x509_extensions = authority
[name]
CN = Scanferry test authority
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
`;
}

function leafConfig(folder: string, request: LeafRequest): string {
  const names = [
    ...request.names.map((name) => `DNS:${name}`),
    ...request.addresses.map((address) => `IP:${address}`),
  ];
  return `[req]
prompt = no
distinguished_name = name
[name]
CN = ${request.names[0]}
[ca]
default_ca = signer
[signer]
database = ${folder}/index.txt
new_certs_dir = ${folder}
default_md = sha256
policy = any
x509_extensions = leaf
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = ${request.usage}
subjectKeyIdentifier = hash
subjectAltName = ${names.join(', ')}
`;
}

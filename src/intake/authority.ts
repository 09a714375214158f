/** The box's own certificate authority: made at first start, kept on disk, renewed before it expires. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import type { Clock } from '../core/clock.ts';
import { DAY_MS } from '../core/durations.ts';
import { isMissing, OperatorError } from '../core/errors.ts';
import { describeError, type Log } from '../core/log.ts';
import { normaliseAddress } from './addresses.ts';
import type { CertificateRequest, KeyAndCertificate, Period } from './issue-certificates.ts';
import { askIssuer } from './issuer.ts';
import { PROBLEMS } from './problems.ts';
import type { ServerCertificate } from './types.ts';

export interface AuthorityDeps {
  /** Folder for root.pem, root.der, root.key, server.pem and server.key; made when absent. */
  directory: string;
  hostname: string;
  /** Addresses of the box that devices may have been given instead of its name. */
  addresses: readonly string[];
  clock: Clock;
  log: Log;
}

export interface Authority {
  certificate(): Promise<ServerCertificate>;
  /** The certificate that devices import as trusted. */
  readonly rootPem: string;
  readonly rootDer: Buffer;
  /** Makes a new server certificate when the time has come; true when it did. */
  renewIfDue(): Promise<boolean>;
}

/** A box without a battery clock may start in 1970: no certificate is dated before this project began. */
const EARLIEST_NOW = Date.UTC(2026, 10, 1);
/** Device clocks are set by hand and run behind, some by a time zone, some by weeks. */
const SERVER_BACKDATE_MS = 31 * DAY_MS;
/** 397 days in all: longer ones are refused by strict TLS stacks. */
const SERVER_LIFE_MS = 366 * DAY_MS;
const RENEW_BEFORE_MS = 30 * DAY_MS;
const ROOT_BACKDATE_MS = 366 * DAY_MS;
const ROOT_LIFE_MS = 10 * 365 * DAY_MS;
const PRIVATE = 0o600;
const PUBLIC = 0o644;

/** Loads the authority from `directory`, or makes it. Rejects with OperatorError when the folder can't be used. */
export async function openAuthority(deps: AuthorityDeps): Promise<Authority> {
  try {
    return await loadOrMake(deps);
  } catch (error) {
    // Errors of the file system carry the call that failed; anything else is a fault of this program.
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new OperatorError(PROBLEMS.folderUnusable(deps.directory, describeError(error)), { cause: error });
  }
}

async function loadOrMake(deps: AuthorityDeps): Promise<Authority> {
  const { clock, log } = deps;
  await mkdir(deps.directory, { recursive: true, mode: 0o700 });
  const names = [...new Set([deps.hostname.toLowerCase(), ...deps.addresses.map(normaliseAddress)])];
  const files = (name: string) => path.join(deps.directory, name);
  const now = () => Math.max(clock.now(), EARLIEST_NOW);
  const { root, server: loaded } = await loadOrMakeBoth();
  let server = loaded;

  async function loadOrMakeBoth(): Promise<{ root: KeyAndCertificate; server: KeyAndCertificate }> {
    const known = await load('root', isUsableRoot);
    if (known === null) return await makeBoth();
    const made = await load('server', (pair) => isUsableServer(pair, known));
    return { root: known, server: made ?? (await makeServer(known)) };
  }

  async function load(
    name: string,
    isUsable: (pair: KeyAndCertificate) => boolean,
  ): Promise<KeyAndCertificate | null> {
    const pair = await readPair(files(`${name}.key`), files(`${name}.pem`));
    if (pair === null) return null;
    try {
      if (isUsable(pair)) return pair;
      log.warn('authority.certificate-unusable', { name });
    } catch (error) {
      log.warn('authority.certificate-unreadable', { name, error: describeError(error) });
    }
    return null;
  }

  function isUsableRoot(pair: KeyAndCertificate): boolean {
    const certificate = new X509Certificate(pair.cert);
    return (
      certificate.checkPrivateKey(createPrivateKey(pair.key)) && certificate.validToDate.getTime() > now()
    );
  }

  async function makeBoth(): Promise<{ root: KeyAndCertificate; server: KeyAndCertificate }> {
    const wanted = { hostname: deps.hostname, period: period(ROOT_BACKDATE_MS, ROOT_LIFE_MS) };
    const { root: made, server: signed } = await askIssuer({ root: wanted, server: wantedServer() });
    await writeDurably(files('root.key'), made.key, PRIVATE);
    await writeDurably(files('root.der'), new X509Certificate(made.cert).raw, PUBLIC);
    await writeDurably(files('root.pem'), made.cert, PUBLIC);
    log.info('authority.root-made', { expires: new X509Certificate(made.cert).validTo });
    await keepServer(signed);
    return { root: made, server: signed };
  }

  async function makeServer(signing: KeyAndCertificate): Promise<KeyAndCertificate> {
    const made = await askIssuer({ root: signing, server: wantedServer() });
    await keepServer(made.server);
    return made.server;
  }

  async function keepServer(made: KeyAndCertificate): Promise<void> {
    await writeDurably(files('server.key'), made.key, PRIVATE);
    await writeDurably(files('server.pem'), made.cert, PUBLIC);
    log.info('authority.server-made', { names, expires: new X509Certificate(made.cert).validTo });
  }

  function wantedServer(): CertificateRequest['server'] {
    return { names, period: period(SERVER_BACKDATE_MS, SERVER_LIFE_MS) };
  }

  function period(backdateMs: number, lifeMs: number): Period {
    return { notBefore: new Date(now() - backdateMs), notAfter: new Date(now() + lifeMs) };
  }

  /** A certificate dated in the future was made by a clock that ran ahead; it is as bad as an old one. */
  function isDue(): boolean {
    const certificate = new X509Certificate(server.cert);
    const isLate = certificate.validToDate.getTime() - now() < RENEW_BEFORE_MS;
    return (
      isLate || (clock.isSet() && certificate.validFromDate.getTime() > now()) || !isFor(certificate, names)
    );
  }

  async function renewIfDue(): Promise<boolean> {
    if (!isDue()) return false;
    server = await makeServer(root);
    return true;
  }

  await renewIfDue();
  return {
    certificate: async () => ({ key: server.key, cert: server.cert }),
    rootPem: root.cert,
    rootDer: new X509Certificate(root.cert).raw,
    renewIfDue,
  };
}

function isUsableServer(pair: KeyAndCertificate, root: KeyAndCertificate): boolean {
  const certificate = new X509Certificate(pair.cert);
  return (
    certificate.checkPrivateKey(createPrivateKey(pair.key)) &&
    certificate.verify(new X509Certificate(root.cert).publicKey)
  );
}

/** Whether the certificate names exactly `names`; Node writes them as `DNS:a.b, IP Address:192.0.2.1`. */
function isFor(certificate: X509Certificate, names: readonly string[]): boolean {
  const present = (certificate.subjectAltName ?? '').split(', ').map((entry) => {
    const value = entry.slice(entry.indexOf(':') + 1);
    return isIP(value) === 0 ? value.toLowerCase() : normaliseAddress(value);
  });
  return present.length === names.length && names.every((name) => present.includes(name));
}

async function readPair(keyFile: string, certFile: string): Promise<KeyAndCertificate | null> {
  try {
    return { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8') };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** A crash leaves the old file or the new one, never half of either. */
async function writeDurably(file: string, content: string | Buffer, mode: number): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const folder = await open(path.dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

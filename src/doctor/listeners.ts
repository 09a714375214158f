/** The listeners and the box page: bound, reached by a real connection, certificate, and the TLS versions they really offer. */

import { existsSync, readFileSync } from 'node:fs';
import { BlockList, createServer, isIPv6 } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { SecureVersion } from 'node:tls';
import type { Config } from '../config/schema.ts';
import { describeError } from '../core/log.ts';
import { tlsVersionInWords } from '../core/tls-version.ts';
import { isoDay } from '../routes/certificates.ts';
import { expiryFinding } from './credentials.ts';
import { fail, ok, warn } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import { lookAtSmtp, type SmtpLook } from './smtp-look.ts';
import type { Check, CheckContext, DoctorDeps, Finding } from './types.ts';

type MailListener = Config['intake']['listeners'][number];

/** A place where this box listens. */
interface Listener extends Omit<MailListener, 'tls'> {
  tls: MailListener['tls'] | 'https';
}

/** One check for each listener, so that a slow one holds up no other. */
export function listenerChecks({ agent, config }: DoctorDeps): Check[] {
  if (config === null) return [];
  if (agent === null) return [{ group: 'listeners', name: 'ports', run: checkPorts }];
  const bound = agent.listeners();
  const page = agent.webPort();
  return placesOf(config).map((place, index): Check => {
    const found: Listener =
      place.tls === 'https' ? { ...place, port: page ?? place.port } : { ...place, ...bound[index] };
    return {
      group: 'listeners',
      name: nameOf(found),
      run: (context) => checkListener(found, context, config.intake),
    };
  });
}

/** The page speaks no old TLS, whoever asks: browsers have no use for it. */
function placesOf({ intake, web }: Config): Listener[] {
  return [
    ...intake.listeners,
    ...(web === undefined ? [] : [{ ...web, tls: 'https', floor: 'modern' } as const]),
  ];
}

function nameOf({ address, port, tls }: Pick<Listener, 'address' | 'port' | 'tls'>): string {
  const where = `port ${port}${address === '0.0.0.0' ? '' : ` on ${address}`}`;
  return tls === 'https' ? `page, ${where}` : where;
}

/** Without an agent: whether it could have its ports. */
async function* checkPorts({ config, dataDir }: CheckContext): AsyncGenerator<Finding> {
  yield warn('agent', 'not running', PROBLEMS.agentStopped(dataDir));
  for (const listener of config === null ? [] : placesOf(config)) {
    const name = nameOf(listener);
    const setting = listener.tls === 'https' ? 'web.port' : 'intake.listeners';
    const code = await bindingError(listener);
    if (code === null) yield ok(name, 'free for the agent');
    else if (code === 'EADDRINUSE') yield fail(name, 'taken', PROBLEMS.portTaken(whereOf(listener), setting));
    else if (code === 'EACCES')
      yield warn(name, 'not for this user', PROBLEMS.portForbidden(whereOf(listener)));
    else yield fail(name, code, PROBLEMS.portUnusable(whereOf(listener), code));
  }
}

/** Opens the port for a moment. */
async function bindingError({ address, port }: Listener): Promise<string | null> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host: address, exclusive: true }, resolve);
    });
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : describeError(error);
  }
}

async function* checkListener(
  listener: Listener,
  context: CheckContext,
  intake: Config['intake'],
): AsyncGenerator<Finding> {
  const name = nameOf(listener);
  const from = vantageOf(listener, intake.trustedNetworks);
  const where = `${from.address}:${listener.port}`;
  const look = (version: SecureVersion | null) => lookFrom(listener, from.address, version, context);
  const first = await look(null);
  if (listener.tls !== 'https' && context.agent?.admits(from.address) === false) {
    yield isRefused(first.error)
      ? unreachable(name, where, first.error)
      : ok(name, `turns ${from.address} away as no device of yours, so only a device can see its TLS`);
    return;
  }
  if (first.banner === null && first.tls === null && first.chain.length === 0) {
    yield unreachable(name, where, first.error);
    return;
  }
  yield answerFinding(name, where, { listener, look: first });
  if (listener.tls === 'none') return;
  yield* checkCertificate(name, first, intake.hostname, context);
  const offered: SecureVersion[] = [];
  for (const version of VERSIONS) if (isOffered(await look(version))) offered.push(version);
  yield judgeVersions(name, { listener, isTrusted: from.isTrusted, offered });
}

function answerFinding(
  name: string,
  where: string,
  { listener, look }: { listener: Listener; look: SmtpLook },
): Finding {
  const { banner, tls, error } = look;
  const isOdd = listener.tls === 'https' && tls !== null && !banner?.includes(' 200 ');
  if (!isOdd) return ok(name, `answers: ${banner ?? 'by TLS'}`);
  const answer = banner ?? describeError(error);
  return fail(name, answer, PROBLEMS.pageOdd(where, answer));
}

function unreachable(name: string, where: string, error: Error | null): Finding {
  return isRefused(error)
    ? fail(name, 'refused', PROBLEMS.listenerRefused(where))
    : fail(name, 'silent', PROBLEMS.listenerSilent(where, describeError(error)));
}

function isRefused(error: Error | null): boolean {
  return error !== null && 'code' in error && error.code === 'ECONNREFUSED';
}

const VERSIONS: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
const OLD_VERSIONS: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1'];

function lookFrom(
  listener: Listener,
  address: string,
  version: SecureVersion | null,
  { clock, signal, dataDir }: CheckContext,
): Promise<SmtpLook> {
  const rootFile = path.join(dataDir, 'ca', 'root.pem');
  const root = existsSync(rootFile) ? readFileSync(rootFile, 'utf8') : null;
  return lookAtSmtp({
    ...{ address, port: listener.port, localAddress: address, clock, signal },
    name: 'doctor.scanferry.local',
    tls: listener.tls === 'auto' ? 'starttls' : listener.tls,
    tlsOptions: {
      ...(root === null ? {} : { ca: root }),
      // The names are judged below, all at once.
      checkServerIdentity: () => undefined,
      // OpenSSL 3 speaks TLS 1.0 and 1.1 at security level 0 only.
      ...(version === null ? {} : { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' }),
    },
  });
}

/** A certificate that is not believed was shown all the same: the version was agreed on. */
function isOffered({ tls, chain }: SmtpLook): boolean {
  return tls !== null || chain.length > 0;
}

function* checkCertificate(
  name: string,
  look: SmtpLook,
  hostname: string,
  { clock }: CheckContext,
): Generator<Finding> {
  const [leaf] = look.chain;
  const label = `${name}: certificate`;
  if (leaf === undefined) {
    yield fail(label, 'no TLS', PROBLEMS.certificateUntrusted(describeError(look.error)));
    return;
  }
  const expiry = expiryFinding(label, 'The certificate of this box', leaf.validTo, clock.now());
  if (expiry !== null) yield expiry;
  else if (look.error !== null && look.tls === null)
    yield fail(label, 'not trusted', PROBLEMS.certificateUntrusted(describeError(look.error)));
  const missing = [hostname.toLowerCase(), ...outsideAddresses()].filter(
    (wanted) => !carries(leaf.names, wanted),
  );
  if (missing.length > 0) yield warn(label, 'lacks names', PROBLEMS.certificateLacks(missing.join(', ')));
  else if (expiry === null && look.tls !== null)
    yield ok(label, `for ${hostname} and every address of this box, until ${isoDay(leaf.validTo)}`);
}

/** Node writes names as `DNS:a.b, IP Address:192.0.2.1`, IPv6 in its long form. */
function carries(names: string, wanted: string): boolean {
  const list = new BlockList();
  const entries = names.split(', ').map((entry) => entry.replace(/^(?:DNS|IP Address):/, '').toLowerCase());
  if (!isIPv6(wanted)) return entries.includes(wanted);
  for (const entry of entries) if (isIPv6(entry)) list.addAddress(entry, 'ipv6');
  return list.check(wanted, 'ipv6');
}

/** Addresses that devices may know this box by. */
function outsideAddresses(): string[] {
  return boxAddresses()
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}

function boxAddresses(): os.NetworkInterfaceInfo[] {
  return Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []);
}

/**
 * Where to come from: a listener for every address is looked at from one that devices are trusted at, because only
 * there the old versions are offered.
 */
function vantageOf(
  { address }: Listener,
  trusted: readonly string[],
): { address: string; isTrusted: boolean } {
  const isTrusted = networkTest(trusted);
  if (address !== '0.0.0.0' && address !== '::') return { address, isTrusted: isTrusted(address) };
  const family = address === '::' ? 'IPv6' : 'IPv4';
  const found = boxAddresses().find((each) => each.family === family && isTrusted(each.address));
  if (found !== undefined) return { address: found.address, isTrusted: true };
  return { address: address === '::' ? '::1' : '127.0.0.1', isTrusted: false };
}

function networkTest(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  const familyOf = (address: string) => (isIPv6(address) ? 'ipv6' : 'ipv4');
  for (const network of networks) {
    const [base = '', prefix] = network.split('/');
    if (prefix === undefined) list.addAddress(base, familyOf(base));
    else list.addSubnet(base, Number(prefix), familyOf(base));
  }
  return (address) => list.check(address, familyOf(address));
}

function judgeVersions(
  name: string,
  { listener, isTrusted, offered }: { listener: Listener; isTrusted: boolean; offered: SecureVersion[] },
): Finding {
  const label = `${name}: TLS`;
  const allowsOld = listener.floor === 'legacy' && isTrusted;
  const expected = VERSIONS.filter((version) => allowsOld || !OLD_VERSIONS.includes(version));
  const missing = expected.filter((version) => !offered.includes(version));
  const tooOld = offered.filter((version) => !expected.includes(version));
  const text = offered.map(tlsVersionInWords).join(', ') || 'none';
  if (missing.length > 0)
    return fail(label, text, PROBLEMS.versionMissing(missing.map(tlsVersionInWords).join(' and ')));
  if (tooOld.length > 0)
    return fail(label, text, PROBLEMS.versionTooOld(tooOld.map(tlsVersionInWords).join(' and ')));
  const isHidden = listener.floor === 'legacy' && !isTrusted;
  return ok(label, isHidden ? `${text}; older ones for trusted networks alone` : text);
}

function whereOf({ address, port }: Listener): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

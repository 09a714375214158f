/** The box's certificate authority, judged by OpenSSL and by the files it leaves. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OperatorError } from '../../src/core/errors.ts';
import { type Authority, type AuthorityDeps, openAuthority } from '../../src/intake/authority.ts';
import { askIssuer } from '../../src/intake/issuer.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { runCommand, runOrThrow } from '../support/processes.ts';
import { createQuietLog } from '../support/quiet-log.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
let directory: string;
let clock: FakeClock;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'scanferry-ca-'));
  clock = createFakeClock();
});
afterEach(() => rm(directory, { recursive: true }));

const file = (name: string) => path.join(directory, name);
const openIt = (deps: Partial<AuthorityDeps> = {}): Promise<Authority> =>
  openAuthority({
    ...{ directory, hostname: 'scanferry.local', addresses: ['192.168.50.2', 'fd00:50::2'] },
    ...{ clock, log: createQuietLog() },
    ...deps,
  });
const serverOf = async (authority: Authority) => new X509Certificate((await authority.certificate()).cert);
const seconds = (ms: number) => String(Math.floor(ms / 1000));

test('OpenSSL verifies the server certificate for name and addresses', async () => {
  await openIt();
  const verify = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-attime',
    seconds(clock.now()),
    '-CAfile',
    file('root.pem'),
  ];
  for (const check of [
    ['-verify_hostname', 'scanferry.local'],
    ['-verify_ip', '192.168.50.2'],
    ['-verify_ip', 'fd00:50::2'],
  ]) {
    const stdout = await runOrThrow('openssl', [...verify, ...check, file('server.pem')]);
    expect(stdout).toContain('OK');
  }
  const other = await runCommand('openssl', [
    ...verify,
    '-verify_hostname',
    'other.local',
    file('server.pem'),
  ]);
  expect(other.code).not.toBe(0);
});

test('the certificates hold what old devices need and no more', async () => {
  await openIt();
  const root = await runOrThrow('openssl', ['x509', '-in', file('root.pem'), '-noout', '-text']);
  expect(root).toMatch(/Signature Algorithm: sha256WithRSAEncryption/);
  expect(root).toMatch(/Public-Key: \(2048 bit\)/);
  expect(root).toMatch(/CA:TRUE, pathlen:0/);
  expect(root).toMatch(/Certificate Sign, CRL Sign/);
  const server = await runOrThrow('openssl', ['x509', '-in', file('server.pem'), '-noout', '-text']);
  expect(server).toMatch(/Subject: CN = scanferry\.local/);
  expect(server).toMatch(/Digital Signature, Key Encipherment/);
  expect(server).toMatch(/TLS Web Server Authentication/);
  expect(server).toMatch(/CA:FALSE/);
  const der = await runOrThrow('openssl', [
    'x509',
    '-inform',
    'DER',
    '-in',
    file('root.der'),
    '-noout',
    '-text',
  ]);
  expect(der).toBe(root);
});

test('private keys are for the owner only, and no half-written file stays', async () => {
  await openIt();
  for (const name of ['root.key', 'server.key']) expect((await stat(file(name))).mode & 0o777).toBe(0o600);
  await expect(stat(file('root.key.new'))).rejects.toThrow('ENOENT');
});

test('a later start finds everything as it was', async () => {
  const first = await openIt();
  const second = await openIt();
  expect(second.rootPem).toBe(first.rootPem);
  expect(await second.certificate()).toEqual(await first.certificate());
  expect(await second.renewIfDue()).toBe(false);
});

test('the server certificate lasts 397 days, copes with slow device clocks and is renewed in time', async () => {
  const authority = await openIt();
  const certificate = await serverOf(authority);
  expect(certificate.validToDate.getTime() - certificate.validFromDate.getTime()).toBe(397 * DAY_MS);
  expect(certificate.validFromDate.getTime()).toBe(clock.now() - 31 * DAY_MS);
  await clock.advance(336 * DAY_MS - 1000);
  expect(await authority.renewIfDue()).toBe(false);
  await clock.advance(2000);
  expect(await authority.renewIfDue()).toBe(true);
  const renewed = await serverOf(authority);
  expect(renewed.serialNumber).not.toBe(certificate.serialNumber);
  expect(renewed.verify(new X509Certificate(authority.rootPem).publicKey)).toBe(true);
});

test.each([
  ['another name', { hostname: 'box.contoso.com' }],
  ['a further address', { addresses: ['192.168.50.2', 'fd00:50::2', '10.0.0.1'] }],
  ['an address less', { addresses: ['192.168.50.2'] }],
])('%s brings a new server certificate under the same root', async (_name, change) => {
  const before = await openIt();
  const after = await openIt(change);
  expect(after.rootPem).toBe(before.rootPem);
  expect((await serverOf(after)).serialNumber).not.toBe((await serverOf(before)).serialNumber);
});

test('a clock that is not set yet gives certificates that are valid when it is', async () => {
  const now = clock.now();
  clock.setWallClock(0);
  clock.setIsSet(false);
  const authority = await openIt();
  clock.setWallClock(now);
  clock.setIsSet(true);
  const certificate = await serverOf(authority);
  expect(certificate.validFromDate.getTime()).toBeLessThan(now);
  expect(certificate.validToDate.getTime()).toBeGreaterThan(now + 30 * DAY_MS);
  expect(await authority.renewIfDue()).toBe(false);
});

test('a certificate made by a clock that ran ahead is replaced', async () => {
  const now = clock.now();
  clock.setWallClock(now + 100 * DAY_MS);
  const authority = await openIt();
  clock.setWallClock(now);
  expect(await authority.renewIfDue()).toBe(true);
  expect((await serverOf(authority)).validFromDate.getTime()).toBeLessThan(now);
});

test.each(['server.pem', 'server.key'])('a damaged %s is replaced under the same root', async (name) => {
  const before = await openIt();
  await writeFile(file(name), 'damaged');
  const after = await openIt();
  expect(after.rootPem).toBe(before.rootPem);
  expect(await readFile(file('server.pem'), 'utf8')).toBe((await after.certificate()).cert);
  expect((await serverOf(after)).checkIssued(new X509Certificate(after.rootPem))).toBe(true);
});

test('a damaged root never keeps the box from starting', async () => {
  await openIt();
  await writeFile(file('root.key'), 'damaged');
  const log = createQuietLog();
  const after = await openIt({ log });
  expect(log.lines.map(({ event }) => event)).toContain('authority.root-made');
  expect((await serverOf(after)).checkIssued(new X509Certificate(after.rootPem))).toBe(true);
});

test('a folder that can’t be used is an error for the operator', async () => {
  await writeFile(file('in-the-way'), '');
  const error = await openIt({ directory: file('in-the-way/ca') }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(OperatorError);
  expect((error as OperatorError).explanation.cause).toContain('ENOTDIR');
});

test('what fails in the process that makes certificates is the error of who asked', async () => {
  const period = { notBefore: new Date('2026-11-01'), notAfter: new Date('2027-11-01') };
  const asked = askIssuer({
    root: { key: 'no key', cert: 'no certificate' },
    server: { names: ['scanferry.local'], period },
  });
  await expect(asked).rejects.toThrow(/PEM|ASN|DECODER|certificate/i);
});

test('a process that does not come to an end is ended, and the start fails with that', async () => {
  const period = { notBefore: new Date(clock.now()), notAfter: new Date(clock.now() + DAY_MS) };
  const request = { root: { hostname: 'scanferry', period }, server: { names: ['scanferry.local'], period } };
  const asked = askIssuer(request, 'setInterval(() => {}, 1000);', 200);
  await expect(asked).rejects.toThrow('ended with SIGKILL');
});

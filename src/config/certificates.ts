/** Looks into the PEM files that a config names, so that a bad one is told by `check` and not by a start that fails. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { FileText } from '../core/settings.ts';
import type { ConfigPath } from './problems.ts';
import { isRecord } from './resolve.ts';
import type { RuleFinding } from './rules.ts';

/** Every `ca`, and every group of `cert` and `key`. With `now` also certificates that have ended. */
export function checkCertificates(config: unknown, now?: number): RuleFinding[] {
  return visit(config, [], now);
}

function visit(value: unknown, at: ConfigPath, now: number | undefined): RuleFinding[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => visit(item, [...at, index], now));
  if (!isRecord(value)) return [];
  const { ca, cert, key } = value;
  return [
    ...(isFileText(ca) ? checkAuthority(ca, [...at, 'ca']) : []),
    ...(isFileText(cert) && isFileText(key) ? checkPair({ cert, key }, at, now) : []),
    ...Object.entries(value).flatMap(([name, part]) =>
      isFileText(part) ? [] : visit(part, [...at, name], now),
    ),
  ];
}

function isFileText(value: unknown): value is FileText {
  return isRecord(value) && typeof value['path'] === 'string' && typeof value['text'] === 'string';
}

function checkAuthority(ca: FileText, at: ConfigPath): RuleFinding[] {
  return readCertificate(ca) === null ? [error(at, noCertificate(ca))] : [];
}

function checkPair(pair: { cert: FileText; key: FileText }, at: ConfigPath, now?: number): RuleFinding[] {
  const certificate = readCertificate(pair.cert);
  const key = readKey(pair.key);
  const findings = [
    ...(certificate === null ? [error([...at, 'cert'], noCertificate(pair.cert))] : []),
    ...(key === null ? [error([...at, 'key'], noKey(pair.key))] : []),
  ];
  if (certificate === null || key === null) return findings;
  if (!certificate.checkPrivateKey(key))
    return [
      error(
        [...at, 'key'],
        `the key ${pair.key.path} does not belong to the certificate ${pair.cert.path}; give the two that were made together, the certificate of this box before its chain`,
      ),
    ];
  const end = certificate.validToDate;
  if (now === undefined || end.getTime() > now) return [];
  const message = `the certificate ${pair.cert.path} expired on ${end.toISOString().slice(0, 10)}, so the other side refuses it; replace it`;
  return [{ severity: 'warning', path: [...at, 'cert'], message }];
}

function error(path: ConfigPath, message: string): RuleFinding {
  return { severity: 'error', path, message };
}

const noCertificate = (file: FileText) =>
  `the file ${file.path} holds no certificate; give a PEM file, which has a line BEGIN CERTIFICATE`;

const noKey = (file: FileText) =>
  `the file ${file.path} holds no private key that can be read; give a PEM file without a passphrase`;

/** The first certificate of the file; null where there is none. */
function readCertificate({ text }: FileText): X509Certificate | null {
  try {
    return new X509Certificate(text);
  } catch {
    return null;
  }
}

function readKey({ text }: FileText): KeyObject | null {
  try {
    return createPrivateKey(text);
  } catch {
    return null;
  }
}

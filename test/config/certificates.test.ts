/** The PEM files that a config names, made by openssl, as `scanferry check` judges them. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkConfig } from '../../src/config/load.ts';
import {
  createTestCertificates,
  type TestCertificate,
  type TestCertificates,
} from '../support/certificates.ts';

let certificates: TestCertificates;
let valid: TestCertificate;
let expired: TestCertificate;
let text: string;
beforeAll(async () => {
  certificates = await createTestCertificates({ names: ['scan.contoso.com'] });
  valid = await certificates.server('valid');
  expired = await certificates.server('expired');
  text = path.join(certificates.directory, 'notes.txt');
  writeFileSync(text, 'no certificate at all\n');
});
afterAll(() => certificates.remove());

function problemsOf(routeKeys: string, now?: number): string[] {
  const file = path.join(certificates.directory, 'scanferry.yaml');
  const config = `site: { id: test }
intake: { trustedNetworks: [192.168.50.0/24] }
routes:
  - { id: out, kind: connector, domain: contoso.com, ${routeKeys} }
`;
  const options = { file, text: config, dataDir: '/nonexistent/scanferry', env: {}, profileIds: [] };
  const { problems } = checkConfig(now === undefined ? options : { ...options, now });
  return problems.map(({ severity, key, message }) => `${severity} ${key}: ${message}`);
}

const pair = (cert: string, key: string) => `certificate: { cert: ${cert}, key: ${key} }`;

describe('the certificate of a route', () => {
  test('is good where the key belongs to it', () => {
    expect(problemsOf(pair(valid.certFile, valid.keyFile), Date.now())).toEqual([]);
  });

  test('is refused with the key of another one', () => {
    expect(problemsOf(pair(valid.certFile, expired.keyFile))).toEqual([
      expect.stringMatching(/^error routes\[0\]\.certificate\.key: .*does not belong to the certificate/),
    ]);
  });

  test('is refused where a file holds something else, each with what it should be', () => {
    expect(problemsOf(pair(text, text))).toEqual([
      expect.stringMatching(/^error routes\[0\]\.certificate\.cert: .*holds no certificate; give a PEM file/),
      expect.stringMatching(/^error routes\[0\]\.certificate\.key: .*holds no private key/),
    ]);
  });

  test('is warned about once it has ended, so that the other routes go on', () => {
    const keys = pair(expired.certFile, expired.keyFile);
    expect(problemsOf(keys, Date.now())).toEqual([
      expect.stringMatching(
        /^warning routes\[0\]\.certificate\.cert: .*expired on \d{4}-\d\d-\d\d, so .*; replace it$/,
      ),
    ]);
    expect(problemsOf(keys)).toEqual([]);
  });
});

describe('the authority of a route', () => {
  test('is good as PEM', () => {
    expect(problemsOf(`ca: ${certificates.caFile}`)).toEqual([]);
  });

  test('is refused as anything else: TLS would look over it and trust nothing', () => {
    expect(problemsOf(`ca: ${text}`)).toEqual([
      expect.stringMatching(/^error routes\[0\]\.ca: .*holds no certificate; give a PEM file/),
    ]);
  });
});

/** The test certificates are what their kind says, judged by the openssl program. */
import { X509Certificate } from 'node:crypto';
import { access } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestCertificates, type TestCertificates } from './certificates.ts';
import { runCommand } from './processes.ts';

let certificates: TestCertificates;

beforeAll(async () => {
  certificates = await createTestCertificates({ names: ['smtp.contoso.com'], addresses: ['127.0.0.1'] });
});

afterAll(() => certificates.remove());

async function verdict(certFile: string, purpose = 'sslserver'): Promise<string> {
  const names = purpose === 'sslserver' ? ['-verify_hostname', 'smtp.contoso.com'] : [];
  const args = ['verify', '-CAfile', certificates.caFile, '-purpose', purpose, ...names, certFile];
  const { stdout, stderr } = await runCommand('openssl', args);
  return stdout + stderr;
}

describe('server certificates', () => {
  it.each([
    ['valid', ': OK'],
    ['expired', 'certificate has expired'],
    ['wrongName', 'hostname mismatch'],
    ['selfSigned', 'self-signed certificate'],
  ] as const)('%s: openssl says "%s"', async (kind, words) => {
    expect(await verdict((await certificates.server(kind)).certFile)).toContain(words);
  });

  it('names the addresses too', async () => {
    const { cert } = await certificates.server('valid');
    expect(new X509Certificate(cert).checkIP('127.0.0.1')).toBe('127.0.0.1');
  });

  it('is made once for each kind', async () => {
    expect(await certificates.server('valid')).toBe(await certificates.server('valid'));
  });
});

it('makes client certificates that are good for clients alone', async () => {
  const { certFile } = await certificates.client('mail.contoso.com');
  expect(await verdict(certFile, 'sslclient')).toContain(': OK');
  expect(await verdict(certFile, 'sslserver')).not.toContain(': OK');
});

it('removes everything it made', async () => {
  const others = await createTestCertificates({ names: ['smtp.contoso.com'] });
  await others.remove();
  await expect(access(others.directory)).rejects.toThrow('ENOENT');
});

/** Python's smtplib, as many small devices and scripts use it. */
import { fileURLToPath } from 'node:url';
import { runCommand } from '../processes.ts';
import {
  type Client,
  EVERY_TLS_VERSION,
  GREETING,
  isLegacy,
  LEGACY_CIPHERS,
  SEND_LIMIT_MS,
  type SendResult,
} from './types.ts';

const SCRIPT = fileURLToPath(new URL('./smtplib_client.py', import.meta.url));

export const python: Client = {
  name: 'python',
  can: {
    modes: ['none', 'starttls', 'implicit'],
    tlsVersions: EVERY_TLS_VERSION,
    mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
    verifies: 'chain and name',
  },
  async send(request) {
    const { message, ...rest } = request;
    const limitMs = request.limitMs ?? SEND_LIMIT_MS;
    const asked = {
      tlsVersion: null,
      caFile: null,
      login: null,
      greeting: GREETING,
      ciphers: isLegacy(request.tlsVersion) ? LEGACY_CIPHERS : null,
      ...rest,
      limitMs,
    };
    const result = await runCommand('python3', [SCRIPT, JSON.stringify(asked)], { input: message, limitMs });
    if (result.code !== 0) throw new Error(`smtplib_client.py failed: ${result.stderr}`);
    // The script is ours and prints exactly these keys.
    const told = JSON.parse(result.stdout) as Pick<SendResult, 'ok' | 'code' | 'reply' | 'tls'>;
    return { ...told, stdout: result.stdout, stderr: result.stderr };
  },
};

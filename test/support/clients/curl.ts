/** curl (OpenSSL): its smtp:// and smtps:// upload. */
import { runCommand } from '../processes.ts';
import { lastMatch, lastReply } from './transcript.ts';
import {
  type Client,
  EVERY_TLS_VERSION,
  GREETING,
  isLegacy,
  LEGACY_CIPHERS,
  SEND_LIMIT_MS,
  type SendRequest,
} from './types.ts';

export const curl: Client = {
  name: 'curl',
  can: {
    modes: ['none', 'starttls', 'implicit'],
    tlsVersions: EVERY_TLS_VERSION,
    mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
    verifies: 'chain and name',
  },
  async send(request) {
    const result = await runCommand('curl', argumentsFor(request), {
      input: request.message,
      limitMs: request.limitMs ?? SEND_LIMIT_MS,
    });
    return {
      ok: result.code === 0,
      ...lastReply(result.stderr, { reply: /^< (.*)$/, quit: /^> QUIT/ }),
      tls: lastMatch(result.stderr, /^\* SSL connection using (\S+)/),
      stdout: result.stdout,
      stderr: result.stderr,
    };
  },
};

function argumentsFor(request: SendRequest): string[] {
  const scheme = request.tls === 'implicit' ? 'smtps' : 'smtp';
  const args = [
    // The first argument: no settings of the person who runs the test.
    ...['--disable', '--silent', '--show-error', '--verbose', '--noproxy', '*'],
    ...['--url', `${scheme}://${request.host}:${request.port}/${request.greeting ?? GREETING}`],
    ...['--mail-from', request.sender, '--upload-file', '-'],
    ...request.recipients.flatMap((recipient) => ['--mail-rcpt', recipient]),
  ];
  if (request.tls === 'starttls') args.push('--ssl-reqd');
  if (request.tlsVersion) {
    const number = request.tlsVersion === 'TLSv1' ? '1.0' : request.tlsVersion.slice('TLSv'.length);
    args.push(`--tlsv${number}`, '--tls-max', number);
  }
  if (isLegacy(request.tlsVersion)) args.push('--ciphers', LEGACY_CIPHERS);
  args.push(...(request.caFile ? ['--cacert', request.caFile] : ['--insecure']));
  if (request.login) {
    args.push('--user', `${request.login.user}:${request.login.password}`);
    args.push('--login-options', `AUTH=${request.login.mechanism}`);
  }
  return args;
}

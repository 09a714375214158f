/** swaks (Perl, Net::SSLeay): the tester's own SMTP client. */
import { runCommand } from '../processes.ts';
import { dataUpToFinalDot } from './dot-stuffing.ts';
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

export const swaks: Client = {
  name: 'swaks',
  can: {
    modes: ['none', 'starttls', 'implicit'],
    tlsVersions: EVERY_TLS_VERSION,
    mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
    verifies: 'chain',
  },
  async send(request) {
    const result = await runCommand('swaks', argumentsFor(request), {
      // Without its own fixing of data swaks sends the bytes as they are, and a final line end.
      input: dataUpToFinalDot(request.message),
      limitMs: request.limitMs ?? SEND_LIMIT_MS,
    });
    return {
      ok: result.code === 0,
      ...lastReply(result.stdout, { reply: /^<[-~*][* ] (.*)$/, quit: /^ [-~][>*] QUIT/ }),
      tls: lastMatch(result.stdout, /^=== TLS started with cipher ([^:]+):/),
      stdout: result.stdout,
      stderr: result.stderr,
    };
  },
};

function argumentsFor(request: SendRequest): string[] {
  const args = [
    ...['--server', request.host, '--port', String(request.port), '--ehlo', request.greeting ?? GREETING],
    ...['--from', request.sender, '--to', request.recipients.join(',')],
    ...['--data', '-', '--no-data-fixup', '--suppress-data', '--no-strip-from'],
  ];
  if (request.tls === 'starttls') args.push('--tls');
  if (request.tls === 'implicit') args.push('--tls-on-connect');
  if (request.tlsVersion) args.push('--tls-protocol', request.tlsVersion.toLowerCase().replace('.', '_'));
  if (isLegacy(request.tlsVersion)) args.push('--tls-cipher', LEGACY_CIPHERS);
  if (request.caFile) args.push('--tls-verify', '--tls-ca-path', request.caFile);
  if (request.login) {
    args.push('--auth', request.login.mechanism);
    args.push('--auth-user', request.login.user, '--auth-password', request.login.password);
  }
  return args;
}

/** msmtp (GnuTLS): the one client here that is not built on OpenSSL. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsVersion } from '../postfix-config.ts';
import { runCommand } from '../processes.ts';
import { lastMatch, lastReply } from './transcript.ts';
import { type Client, EVERY_TLS_VERSION, GREETING, SEND_LIMIT_MS, type SendRequest } from './types.ts';

const GNUTLS_NAMES = {
  TLSv1: 'TLS1.0',
  'TLSv1.1': 'TLS1.1',
  'TLSv1.2': 'TLS1.2',
  'TLSv1.3': 'TLS1.3',
} as const satisfies Record<TlsVersion, string>;

export const msmtp: Client = {
  name: 'msmtp',
  can: {
    modes: ['none', 'starttls', 'implicit'],
    tlsVersions: EVERY_TLS_VERSION,
    mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
    verifies: 'chain and name',
  },
  async send(request) {
    const folder = await mkdtemp(join(tmpdir(), 'scanferry-msmtp-'));
    try {
      const file = join(folder, 'msmtprc');
      // msmtp refuses a file with a password that others may read.
      await writeFile(file, settingsFor(request), { mode: 0o600 });
      const result = await runCommand('msmtp', ['--file', file, '--debug', '--', ...request.recipients], {
        // It takes the line ends of a Unix program and writes CRLF itself.
        input: Buffer.from(request.message.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
        limitMs: request.limitMs ?? SEND_LIMIT_MS,
      });
      return {
        ok: result.code === 0,
        ...lastReply(result.stdout, { reply: /^<-- (.*)$/, quit: /^--> QUIT/ }),
        tls: lastMatch(result.stdout, /^ {4}\((TLS[\d.]+)\)/),
        stdout: result.stdout,
        stderr: result.stderr,
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function settingsFor(request: SendRequest): string {
  const lines = [
    'defaults',
    'account default',
    `host ${request.host}`,
    `port ${request.port}`,
    `domain ${request.greeting ?? GREETING}`,
    `from ${request.sender}`,
    `tls ${request.tls === 'none' ? 'off' : 'on'}`,
    `tls_starttls ${request.tls === 'starttls' ? 'on' : 'off'}`,
    // The message stays as it is: nothing is added, nothing removed.
    'set_from_header off',
    'set_date_header off',
    'set_msgid_header off',
    'remove_bcc_headers off',
  ];
  if (request.tls !== 'none') {
    lines.push(request.caFile ? `tls_trust_file ${request.caFile}` : 'tls_certcheck off');
  }
  if (request.tlsVersion) {
    lines.push(`tls_priorities NORMAL:-VERS-ALL:+VERS-${GNUTLS_NAMES[request.tlsVersion]}`);
  }
  if (request.login) {
    lines.push(`auth ${request.login.mechanism.toLowerCase()}`);
    lines.push(`user ${request.login.user}`, `password ${request.login.password}`);
  }
  return `${lines.join('\n')}\n`;
}

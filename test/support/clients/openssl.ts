/** openssl s_client: a TLS pipe whose SMTP is spoken here, command by command, each waiting for its reply. */
import { isIP } from 'node:net';
import type { TlsVersion } from '../postfix-config.ts';
import { type RunningProcess, startProcess } from '../processes.ts';
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

const VERSION_OPTIONS = {
  TLSv1: '-tls1',
  'TLSv1.1': '-tls1_1',
  'TLSv1.2': '-tls1_2',
  'TLSv1.3': '-tls1_3',
} as const satisfies Record<TlsVersion, string>;

/** A complete reply: any number of lines with a hyphen, then one with a space (RFC 5321 section 4.2). */
const REPLY = /^(?:\d{3}-[^\n]*\n)*(\d{3})(?: [^\n]*)?\r?\n/;

export const openssl: Client = {
  name: 'openssl',
  can: {
    modes: ['starttls', 'implicit'],
    tlsVersions: EVERY_TLS_VERSION,
    mechanisms: ['PLAIN', 'LOGIN'],
    verifies: 'chain and name',
  },
  async send(request) {
    const limitMs = request.limitMs ?? SEND_LIMIT_MS;
    const client = startProcess('openssl', argumentsFor(request));
    try {
      const isAccepted = await converse(createReplyReader(client, limitMs), client, request);
      client.stdin.end();
      await client.waitForExit(limitMs);
      return {
        ok: isAccepted,
        // Standard output holds replies alone; the reply to QUIT comes last and is not asked for.
        ...lastReply(client.stdout(), { reply: /^(.*\S)$/, quit: /^221[ -]/ }),
        tls: lastMatch(client.stderr(), /^Protocol version: (\S+)/),
        stdout: client.stdout(),
        stderr: client.stderr(),
      };
    } finally {
      await client.stop();
    }
  },
};

function argumentsFor(request: SendRequest): string[] {
  const args = [
    ...['s_client', '-connect', `${request.host}:${request.port}`],
    // -brief names the version and keeps standard output for the server; -nocommands lets a line begin with Q or R.
    ...['-brief', '-ign_eof', '-nocommands'],
  ];
  const isAddress = isIP(request.host) !== 0;
  args.push(...(isAddress ? ['-noservername'] : ['-servername', request.host]));
  if (request.tls === 'starttls') args.push('-starttls', 'smtp', '-name', request.greeting ?? GREETING);
  if (request.tlsVersion) args.push(VERSION_OPTIONS[request.tlsVersion]);
  if (isLegacy(request.tlsVersion)) args.push('-cipher', LEGACY_CIPHERS);
  if (request.caFile) {
    args.push('-CAfile', request.caFile, '-verify_return_error');
    args.push(isAddress ? '-verify_ip' : '-verify_hostname', request.host);
  }
  return args;
}

/** Returns the code of the next reply; null when the connection has ended before one came. */
type ReplyReader = () => Promise<number | null>;

function createReplyReader(client: RunningProcess, limitMs: number): ReplyReader {
  let readTo = 0;
  const next = (): { code: number | null } | null => {
    const match = REPLY.exec(client.stdout().slice(readTo));
    if (match) {
      readTo += match[0].length;
      return { code: Number(match[1]) };
    }
    return client.hasEnded() ? { code: null } : null;
  };
  return async () => (await client.waitFor(next, 'gave no reply', limitMs)).code;
}

/** One message through an open session; false as soon as a reply is not the one that lets it go on. */
async function converse(next: ReplyReader, client: RunningProcess, request: SendRequest): Promise<boolean> {
  // s_client reads the greeting itself before it asks for STARTTLS.
  if (request.tls === 'implicit' && (await next()) !== 220) return false;
  for (const step of stepsOf(request)) {
    client.stdin.write(step.send);
    if ((await next()) !== step.expect) {
      client.stdin.write('QUIT\r\n');
      return false;
    }
  }
  client.stdin.write('QUIT\r\n');
  return true;
}

interface Step {
  send: string | Buffer;
  expect: number;
}

function stepsOf(request: SendRequest): Step[] {
  return [
    { send: `EHLO ${request.greeting ?? GREETING}\r\n`, expect: 250 },
    ...signInSteps(request),
    { send: `MAIL FROM:<${request.sender}>\r\n`, expect: 250 },
    ...request.recipients.map((recipient) => ({ send: `RCPT TO:<${recipient}>\r\n`, expect: 250 })),
    { send: 'DATA\r\n', expect: 354 },
    { send: Buffer.concat([dataUpToFinalDot(request.message), Buffer.from('\r\n')]), expect: 250 },
  ];
}

function signInSteps({ login }: SendRequest): Step[] {
  if (!login) return [];
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  if (login.mechanism === 'PLAIN') {
    return [{ send: `AUTH PLAIN ${base64(`\0${login.user}\0${login.password}`)}\r\n`, expect: 235 }];
  }
  return [
    { send: 'AUTH LOGIN\r\n', expect: 334 },
    { send: `${base64(login.user)}\r\n`, expect: 334 },
    { send: `${base64(login.password)}\r\n`, expect: 235 },
  ];
}

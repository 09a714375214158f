/** A command as a step of a session file: its form is kept, and everything that names somebody is replaced. Pure. */
import { isIP } from 'node:net';
import { shownVerb } from './verbs.ts';

export interface ScrubbedLine {
  /** One line of a session file. */
  step: string;
  /** Set where a sign-in begins. */
  mechanism?: string;
}

export interface ScrubFacts {
  /** Address of the device. */
  address: string;
  /** See CaptureRequest. */
  prefixes: readonly string[];
}

/** @param line as the device sent it, its line end included. */
export function scrubCommand(line: string, facts: ScrubFacts): ScrubbedLine {
  const [, text = '', end = ''] = /^(.*?)([\r\n]*)$/s.exec(line) ?? [];
  const scrubbed = scrubText(text, facts);
  // Any other line end than CRLF is a habit of the device that a replay must have too.
  if (end === '\r\n') return { ...scrubbed, step: `C: ${scrubbed.step}`.trimEnd() };
  const escaped = scrubbed.step.replaceAll('\\', '\\\\');
  return { ...scrubbed, step: `R: ${escaped}${end.replaceAll('\r', '\\r').replaceAll('\n', '\\n')}` };
}

function scrubText(text: string, facts: ScrubFacts): ScrubbedLine {
  const [, lead = '', verb = '', gap = '', rest = ''] = /^(\s*)(\S*)(\s*)(.*)$/s.exec(text) ?? [];
  const word = verb.toUpperCase();
  switch (word) {
    case 'HELO':
    case 'EHLO':
      return { step: `${verb}${gap}${scrubName(rest, facts)}` };
    case 'MAIL':
    case 'RCPT':
      return { step: `${lead}${verb}${gap}${scrubPath(rest, word, facts)}` };
    case 'AUTH':
      return scrubSignIn(verb, rest);
    case 'DATA':
    case 'QUIT':
    case 'RSET':
    case 'STARTTLS':
      return { step: verb };
    default:
      // What follows may be anything, a password included.
      return { step: shownVerb(word) ?? 'X-UNKNOWN' };
  }
}

/** The shape of a name: literal, domain or not, spaces; of a factory-set name its known beginning, the rest as X. */
function scrubName(name: string, { address, prefixes }: ScrubFacts): string {
  const trimmed = name.trim();
  if (trimmed === '') return '';
  if (/^\[.*\]$/.test(trimmed)) return '[{{deviceAddress}}]';
  if (isIP(trimmed) !== 0 || trimmed === address) return '{{deviceAddress}}';
  const [host = '', ...domain] = trimmed.split('.');
  const prefix = prefixes.find((one) => host.startsWith(one));
  const shown =
    prefix === undefined
      ? host.replace(/\S+/g, 'device')
      : prefix + host.slice(prefix.length).replace(/[A-Za-z0-9]/g, 'X');
  return domain.length === 0 ? shown : `${shown}.example.com`;
}

/** Address and parameters of MAIL or RCPT: FROM:<a@b> SIZE=1, in whatever spelling. */
function scrubPath(rest: string, verb: 'MAIL' | 'RCPT', { address }: ScrubFacts): string {
  const [, word = '', open = '', path = '', close = '', parameters = ''] =
    /^((?:FROM|TO)\s*:\s*)(<?\s*)([^<>\s]*)(\s*>?)(.*)$/is.exec(rest) ?? [];
  if (word === '') return verb === 'MAIL' ? 'FROM:<{{from}}>' : 'TO:<{{recipient}}>';
  const kept = parameters
    .split(/\s+/)
    .filter((parameter) => /^(?:SIZE=\d{1,12}|BODY=(?:7BIT|8BITMIME))$/i.test(parameter));
  return [`${word}${open}${scrubAddress(path, verb, address)}${close.trimEnd()}`, ...kept].join(' ');
}

function scrubAddress(path: string, verb: 'MAIL' | 'RCPT', address: string): string {
  if (path === '') return '';
  if (verb === 'RCPT') return '{{recipient}}';
  const [local = '', domain] = path.split('@');
  if (domain === undefined || domain === '') return 'device';
  if (/^\[.*\]$/.test(domain)) return 'device@[{{deviceAddress}}]';
  if (isIP(domain) !== 0 || domain === address) return 'device@{{deviceAddress}}';
  if (!domain.includes('.')) return 'device@device';
  if (local.startsWith('.')) return '.device@contoso.com';
  return local.endsWith('.') ? 'device.@contoso.com' : '{{from}}';
}

const INITIAL: Readonly<Record<string, string>> = { PLAIN: '{{plainBase64}}', LOGIN: '{{userBase64}}' };

function scrubSignIn(verb: string, rest: string): ScrubbedLine {
  const [named = '', initial] = rest.trim().split(/\s+/);
  const mechanism = named.toUpperCase();
  if (!/^(?:PLAIN|LOGIN|CRAM-MD5|NTLM|GSSAPI|XOAUTH2|DIGEST-MD5)$/.test(mechanism)) {
    return { step: verb, mechanism: 'unknown' };
  }
  const shown = initial === undefined ? [] : [INITIAL[mechanism] ?? '='];
  return { step: [verb, named, ...shown].join(' '), mechanism };
}

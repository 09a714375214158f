/** Eight-bit text in header fields: read in a charset, written as RFC 2047 and RFC 2231 want it. */
import { isUtf8 } from 'node:buffer';
import { domainToASCII } from 'node:url';
import { encodeWords } from '../../core/encoded-words.ts';
import type { Repair } from '../../core/repairs.ts';

const NOT_ASCII = /[^\0-\x7f]/;
const EVERY_NOT_ASCII = /[^\0-\x7f]/g;

const windows1252 = new TextDecoder('windows-1252');

/** Fields whose values are addresses (RFC 5322 3.6.2, 3.6.3). */
const ADDRESS_FIELDS = new Set(['from', 'sender', 'reply-to', 'to', 'cc', 'bcc']);
/** Fields with parameters (RFC 2045 5.1, RFC 2183). */
const PARAMETER_FIELDS = new Set(['content-type', 'content-disposition']);
/** Fields that machines read: an encoded word has no meaning there, so a question mark stands in. */
const MACHINE_FIELDS = new Set([
  ...['date', 'received', 'return-path', 'message-id', 'in-reply-to', 'references'],
  ...['mime-version', 'content-transfer-encoding', 'content-id'],
]);

export function hasEightBits(latin1: string): boolean {
  return NOT_ASCII.test(latin1);
}

/**
 * Encodes an unfolded field value with eight-bit bytes in it (one character per byte).
 * UTF-8 is certain where it is valid. Anything else is taken for Windows-1252, as western devices send it; a device
 * that writes another charset gets wrong letters in its subject, and the history names the assumption.
 */
export function encodeValue(name: string, latin1: string): { value: string; repair: Repair } {
  const bytes = Buffer.from(latin1, 'latin1');
  const isUnicode = isUtf8(bytes);
  const text = isUnicode ? bytes.toString('utf8') : windows1252.decode(bytes);
  const encoded = encodeFor(name, text);
  return {
    value: encoded.replace(EVERY_NOT_ASCII, '?'),
    repair: isUnicode ? 'header-utf-8' : 'header-windows-1252',
  };
}

function encodeFor(name: string, text: string): string {
  if (MACHINE_FIELDS.has(name)) return text;
  if (ADDRESS_FIELDS.has(name.replace(/^resent-/, '')))
    return encodeAddresses(text).replace(/\?= {2,}/g, '?= ');
  if (PARAMETER_FIELDS.has(name)) return encodeParameters(text);
  return encodeSpan(text);
}

/** From the first word that needs it to the last: blanks between two encoded words would vanish (RFC 2047 6.2). */
function encodeSpan(text: string): string {
  const words = text.split(/(?<=[ \t])(?=[^ \t])/);
  const first = words.findIndex((word) => NOT_ASCII.test(word));
  const last = words.findLastIndex((word) => NOT_ASCII.test(word));
  if (first < 0) return text;
  const span = words.slice(first, last + 1).join('');
  const core = span.trimEnd();
  return [
    ...words.slice(0, first),
    encodeWords(core),
    span.slice(core.length),
    ...words.slice(last + 1),
  ].join('');
}

/**
 * Quoted strings, comments, addresses in angle brackets, separators, and everything between. The first three are
 * bounded, so that a header full of opening marks costs no more than its length.
 */
const ADDRESS_TOKEN =
  /"(?:\\.|[^"\\]){0,256}"|\((?:\\.|[^()\\]){0,256}\)|<[^<>]{0,320}>|[,;:]|[^"(<,;:]+|[\s\S]/g;

/** Only names and comments may be encoded (RFC 2047 5); a domain of other letters has a form of its own. */
function encodeAddresses(text: string): string {
  const tokens = text.match(ADDRESS_TOKEN) ?? [];
  return tokens.map((token) => (NOT_ASCII.test(token) ? encodeToken(token) : token)).join('');
}

function encodeToken(token: string): string {
  if (token.startsWith('"') && token.length > 1) {
    return `${encodeWords(token.slice(1, -1).replace(/\\(.)/g, '$1'))} `;
  }
  if (token.startsWith('(') && token.length > 1) return `(${encodeWords(token.slice(1, -1))})`;
  if (token.includes('@'))
    return token.replace(/(?<=@)[^\s<>]+/g, (domain) => domainToASCII(domain) || domain);
  const core = token.trim();
  const [before = '', after = ''] = token.split(core);
  return `${before}${encodeWords(core)}${after || ' '}`;
}

/** `; name="value"`, quoted or, against the rules, not. */
const PARAMETER = /;(\s*)([\w-]+)\s*=\s*(?:"((?:\\.|[^"\\]){0,1000})"|([^;"]*))/g;

/** RFC 2231 4: encoded words have no place inside a parameter. */
function encodeParameters(text: string): string {
  return text.replace(PARAMETER, (whole, gap: string, name: string, quoted?: string, bare?: string) => {
    const value = quoted?.replace(/\\(.)/g, '$1') ?? bare?.trim() ?? '';
    if (!NOT_ASCII.test(value)) return whole;
    const escaped = encodeURIComponent(value.toWellFormed()).replace(
      /['()*!]/g,
      (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    return `;${gap}${name}*=utf-8''${escaped}`;
  });
}

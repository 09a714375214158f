/** Takes secrets out of texts: those the box knows, in clear or encoded, and what has the form of one. */

import { escapePattern } from './pattern.ts';

/** In place of a secret. */
const MASK = '[secret]';

/** Private keys, tokens of the sign-in service (RFC 7519), and user:password before a host name (RFC 3986 section 3.2.1). */
const FORMS: readonly [RegExp, string][] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, MASK],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g, MASK],
  [/(:\/\/)[^\s/@]+:[^\s/@]+@/g, `$1${MASK}@`],
];

/** Long enough for base64 of a password in an AUTH line. */
const BASE64 = /[A-Za-z0-9+/_-]{8,}={0,2}/g;

/** Shorter ones are replaced as whole words only: every text is full of them. */
const ANYWHERE_MIN = 6;

/** @param secrets in clear; parts of a text that are one of them are masked. */
export function createSecretFilter(secrets: readonly string[]): (text: string) => string {
  const known = secrets.flatMap(spellings).sort((a, b) => b.length - a.length);
  const patterns = known.map((secret) => {
    const escaped = escapePattern(secret);
    return secret.length >= ANYWHERE_MIN
      ? new RegExp(escaped, 'g')
      : new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'gu');
  });
  const holdsSecret = (text: string) => known.some((secret) => secret.length > 3 && text.includes(secret));
  return (text) => {
    let clean = text;
    for (const pattern of patterns) clean = clean.replace(pattern, MASK);
    for (const [pattern, mask] of FORMS) clean = clean.replace(pattern, mask);
    return clean.replace(BASE64, (word) => {
      const decoded = Buffer.from(word, 'base64').toString('utf8');
      return holdsSecret(decoded) || decoded.includes('auth=Bearer ') ? MASK : word;
    });
  };
}

/** As it stands, line by line (a key of several lines is quoted piece by piece), in JSON, and in an address. */
function spellings(secret: string): string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= ANYWHERE_MIN);
  const whole = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
  return [...new Set([...whole, ...lines])].filter((text) => text !== '');
}

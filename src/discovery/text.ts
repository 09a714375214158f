/** Text that came from a device: bounded, and free of what would harm a terminal, a log or a page. */
import { LIMITS } from '../core/limits.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken away here
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;

/** One line of at most `LIMITS.discoveryTextMax` characters, or null where nothing readable is left. */
export function cleanText(raw: string): string | null {
  const text = raw
    .slice(0, LIMITS.discoveryTextMax * 2)
    .replace(CONTROLS, ' ')
    .trim()
    .slice(0, LIMITS.discoveryTextMax);
  return text === '' ? null : text;
}

/** As `cleanText`, from bytes that claim to be UTF-8; what isn't becomes U+FFFD. */
export function cleanBytes(raw: Buffer): string | null {
  return cleanText(raw.subarray(0, LIMITS.discoveryTextMax * 4).toString('utf8'));
}

/** Message ids: time first, so that they sort, then randomness; Crockford base32. */
import { randomBytes } from 'node:crypto';
import type { MessageId } from './message.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_CHARS = 9;
const RANDOM_CHARS = 7;

/** The lowest id that a message received at `ms` (epoch milliseconds) or later can have. */
export function lowestMessageId(ms: number): MessageId {
  return timeOf(ms) + '0'.repeat(RANDOM_CHARS);
}

/** Makes a new id for a message received at `nowMs` (epoch milliseconds). */
export function createMessageId(nowMs: number): MessageId {
  const random = Array.from(randomBytes(RANDOM_CHARS), (byte) => ALPHABET.charAt(byte % 32)).join('');
  return timeOf(nowMs) + random;
}

function timeOf(ms: number): string {
  let time = '';
  let rest = Math.max(0, Math.floor(ms));
  for (let i = 0; i < TIME_CHARS; i++) {
    time = ALPHABET.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  return time;
}

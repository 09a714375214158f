/** Message ids: time first, so that they sort, then randomness; Crockford base32. */
import { randomBytes } from 'node:crypto';
import type { MessageId } from './message.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_CHARS = 9;
const RANDOM_CHARS = 7;

/** Makes a new id for a message received at `nowMs` (epoch milliseconds). */
export function createMessageId(nowMs: number): MessageId {
  let time = '';
  let rest = Math.max(0, Math.floor(nowMs));
  for (let i = 0; i < TIME_CHARS; i++) {
    time = ALPHABET.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  const random = Array.from(randomBytes(RANDOM_CHARS), (byte) => ALPHABET.charAt(byte % 32)).join('');
  return time + random;
}

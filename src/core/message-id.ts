/** Message ids: time first, so that they sort, then randomness; Crockford base32. */
import { randomFillSync } from 'node:crypto';
import type { MessageId } from './message.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_CHARS = 9;
const RANDOM_CHARS = 7;
/** Random bytes for the ids to come: asking for 64 at a time costs what asking for one does, 10 us. */
const random = Buffer.alloc(64 * RANDOM_CHARS);
let randomUsed = random.length;

/** The lowest id that a message received at `ms` (epoch milliseconds) or later can have. */
export function lowestMessageId(ms: number): MessageId {
  return timeOf(ms) + '0'.repeat(RANDOM_CHARS);
}

/** Makes a new id for a message received at `nowMs` (epoch milliseconds). */
export function createMessageId(nowMs: number): MessageId {
  let id = timeOf(nowMs);
  for (let i = 0; i < RANDOM_CHARS; i++) id += ALPHABET.charAt(nextRandomByte() % 32);
  return id;
}

function nextRandomByte(): number {
  if (randomUsed === random.length) {
    randomFillSync(random);
    randomUsed = 0;
  }
  return random.readUInt8(randomUsed++);
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

/** Greetings that smtp-server would refuse: without a name, or with more than one word (RFC 5321 4.1.1.1). */
import type { QuirkId } from '../../profiles/quirks.ts';
import { addressLiteral } from '../addresses.ts';

/** One word without control characters, no longer than a domain (RFC 5321 4.5.3.1.2): smtp-server takes it. */
const ONE_WORD = /^[!-~\x80-\xff]{1,255}$/;

export interface Greeting {
  /** What smtp-server gets to see. */
  argument: string;
  quirk: QuirkId | null;
}

/**
 * The argument as smtp-server takes it. Where `tolerates` allows it, the device's own address stands in for a name
 * that is missing (a UPS greets so) or that is no single word; the record keeps what the device said.
 */
export function readGreeting(
  argument: string,
  address: string,
  tolerates: (quirk: QuirkId) => boolean,
): Greeting {
  const quirk = argument === '' ? 'greeting-empty' : ONE_WORD.test(argument) ? null : 'greeting-odd';
  if (quirk === null || !tolerates(quirk)) return { argument, quirk: null };
  return { argument: addressLiteral(address), quirk };
}

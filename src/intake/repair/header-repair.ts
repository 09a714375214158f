/** The header as it goes on: completed with what devices leave out, and in letters that every server takes. */

import { type Field, fieldValue } from '../../core/header-reader.ts';
import type { Repair } from '../../core/repairs.ts';
import { encodeValue, hasEightBits } from './encoded-words.ts';
import { fold, hasLongLine, unfold } from './fold.ts';

export interface HeaderFacts {
  /** The whole Received field with its line ends. */
  received: string;
  /** For a message without Date. */
  date: string;
  isClockSet: boolean;
  /** For a message without From: an address. */
  from: string;
  /** For a message without Message-ID, angle brackets included. */
  messageId: string;
}

export interface RepairedHeader {
  bytes: Buffer;
  /** Of the message, angle brackets included. */
  messageId: string;
}

/** RFC 5322 2.1.1: no line is longer, so no Message-ID is. */
const MESSAGE_ID_MAX = 998;
/** Fields that mean nothing when they are empty, and beside a new one would be a second (RFC 5322 3.6). */
const NEVER_EMPTY = new Set(['date', 'from', 'message-id', 'to', 'cc']);

const EMPTY_FIELD = /^[^:]*:\s*$/;

/** Repairs the header; fields that need nothing stay as they are, to the byte and in their order. */
export function repairHeader(
  fields: readonly Field[],
  facts: HeaderFacts,
  note: (repair: Repair) => void,
): RepairedHeader {
  const kept = fields.filter(isKept);
  if (kept.length < fields.length) note('empty-fields');
  let mended = '';
  let messageId: string | null = null;
  for (const field of kept) {
    const raw = mend(field, note);
    mended += raw;
    if (field.name === 'message-id') messageId ??= fieldValue({ name: field.name, raw });
  }
  const added = missingFields(kept, facts, note);
  return {
    bytes: Buffer.from(facts.received + added + mended, 'latin1'),
    messageId: messageId?.slice(0, MESSAGE_ID_MAX) ?? facts.messageId,
  };
}

function isKept(field: Field): boolean {
  return !NEVER_EMPTY.has(field.name) || !EMPTY_FIELD.test(field.raw);
}

function missingFields(fields: readonly Field[], facts: HeaderFacts, note: (repair: Repair) => void): string {
  const names = fields.map(({ name }) => name);
  let added = '';
  const add = (repair: Repair, field: string) => {
    note(repair);
    added += `${field}\r\n`;
  };
  // A time that may be wrong serves better than none: some servers refuse a message without Date.
  if (!names.includes('date')) add(facts.isClockSet ? 'date' : 'date-unset-clock', `Date: ${facts.date}`);
  if (!names.includes('from')) add('from', `From: <${facts.from}>`);
  if (!names.includes('to') && !names.includes('cc')) add('to', 'To: undisclosed-recipients:;');
  if (!names.includes('message-id')) add('message-id', `Message-ID: ${facts.messageId}`);
  if (!names.includes('mime-version') && names.some((name) => name.startsWith('content-'))) {
    add('mime-version', 'MIME-Version: 1.0');
  }
  return added;
}

function mend({ name, raw }: Field, note: (repair: Repair) => void): string {
  if (hasEightBits(raw)) {
    const whole = unfold(raw);
    const colon = whole.indexOf(':') + 1;
    const { value, repair } = encodeValue(name, whole.slice(colon));
    note(repair);
    return fold(whole.slice(0, colon) + value);
  }
  if (!hasLongLine(raw)) return raw;
  note('header-folded');
  return fold(unfold(raw));
}

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

/** Repairs the header; fields that need nothing stay as they are, to the byte and in their order. */
export function repairHeader(
  fields: readonly Field[],
  facts: HeaderFacts,
  note: (repair: Repair) => void,
): RepairedHeader {
  const kept = fields.filter((field) => !NEVER_EMPTY.has(field.name) || fieldValue(field) !== '');
  if (kept.length < fields.length) note('empty-fields');
  const mended = kept.map((field) => ({ name: field.name, raw: mend(field, note) }));
  const added = missingFields(mended, facts, note);
  const own = mended.find(({ name }) => name === 'message-id');
  return {
    bytes: Buffer.from([facts.received, ...added, ...mended.map(({ raw }) => raw)].join(''), 'latin1'),
    messageId: own ? fieldValue(own).slice(0, MESSAGE_ID_MAX) : facts.messageId,
  };
}

function missingFields(
  fields: readonly Field[],
  facts: HeaderFacts,
  note: (repair: Repair) => void,
): string[] {
  const added: string[] = [];
  const has = (wanted: string) => fields.some(({ name }) => name === wanted);
  const add = (repair: Repair, field: string) => {
    note(repair);
    added.push(`${field}\r\n`);
  };
  // A time that may be wrong serves better than none: some servers refuse a message without Date.
  if (!has('date')) add(facts.isClockSet ? 'date' : 'date-unset-clock', `Date: ${facts.date}`);
  if (!has('from')) add('from', `From: <${facts.from}>`);
  if (!has('to') && !has('cc')) add('to', 'To: undisclosed-recipients:;');
  if (!has('message-id')) add('message-id', `Message-ID: ${facts.messageId}`);
  if (!has('mime-version') && fields.some(({ name }) => name.startsWith('content-'))) {
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

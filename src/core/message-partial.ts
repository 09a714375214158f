/** Recognises a part of a split message: `Content-Type: message/partial` (RFC 2046 5.2.2). */
import { type Field, fieldValue } from './header-reader.ts';
import { LIMITS } from './limits.ts';

/** Which part of which message. */
export interface PartialFacts {
  /** Equal for the parts of one message, and meant to be so for no others. */
  id: string;
  /** From 1. */
  number: number;
  /** How many parts there are; only the last one has to say. */
  total: number | null;
}

/** Why a part waits, as the queue shows it. */
export const HELD_PART = {
  code: 'join.waiting',
  cause: 'This is one part of a message that the device has split; it waits for the other parts.',
} as const;

/** What became of a part, as the history shows it. @param into the message that all parts went into. */
export function joinedPart(into: string): { code: string; cause: string } {
  return { code: 'join.joined', cause: `This part went into message ${into}, joined with the others.` };
}

/** An attribute and its value, a token or a quoted string (RFC 2045 5.1). */
const PARAMETER = /;\s*([a-z]+)\s*=\s*(?:"((?:[^"\\]|\\.){0,255})"|([^\s;"()]{1,255}))/gi;

/** What the header says about its part; null for a whole message, and for numbers that can't be true. */
export function partialFacts(fields: readonly Field[]): PartialFacts | null {
  const field = fields.find(({ name }) => name === 'content-type');
  const value = field === undefined ? '' : fieldValue(field);
  if (!/^message\s*\/\s*partial\s*(?:;|$)/i.test(value)) return null;
  const parameters = new Map(
    [...value.matchAll(PARAMETER)].map(([, name = '', quoted, token]) => [
      name.toLowerCase(),
      quoted?.replace(/\\(.)/g, '$1') ?? token ?? '',
    ]),
  );
  const id = parameters.get('id') ?? '';
  const number = count(parameters.get('number'));
  const hasTotal = parameters.has('total');
  const total = count(parameters.get('total'));
  if (id === '' || number === null || (hasTotal && (total === null || number > total))) return null;
  return { id, number, total };
}

function count(text: string | undefined): number | null {
  const number = text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= LIMITS.joinPartsMax ? number : null;
}

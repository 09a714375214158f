/** What an event says, bounded and on one line: it goes to a database, a page and a terminal. */
import { LIMITS } from '../core/limits.ts';
import { cleanText } from './parse.ts';

/** Our largest event has eleven. */
const FIELDS_MAX = 32;

/** The data with its texts cleaned and cut; what is nested becomes its JSON text. */
export function cleanData(data: Record<string, unknown>): Record<string, unknown> {
  const fields = Object.entries(data).slice(0, FIELDS_MAX);
  const clean = Object.fromEntries(fields.map(([name, value]) => [cleanText(name), cleanValue(value)]));
  return JSON.stringify(clean).length <= LIMITS.fleetEventBytesMax ? clean : { cut: true };
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  return cleanText(JSON.stringify(value) ?? '');
}

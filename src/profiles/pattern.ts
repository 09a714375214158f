/**
 * The regular expressions a profile may use: those whose worst case is small, whatever a device says.
 *
 * A backtracking matcher tries every way in which the repeated parts can share the text. The number of ways is at
 * most the product of the ranges of all repetitions, times the alternatives, times the places to start at; where that
 * product is bounded, so is the time. Repetition of a group, look-around and back references are left out: nothing
 * that names a device needs them, and with them the product says nothing.
 */
import { LIMITS } from '../core/limits.ts';

/** What is wrong with a pattern, in a few words, or null where it may be used. */
export function patternFault(source: string): string | null {
  try {
    new RegExp(source, 'u');
  } catch (error) {
    return `is no regular expression: ${error instanceof Error ? error.message : String(error)}`;
  }
  const reader: Reader = { source, at: 0 };
  const reading = readAlternatives(reader);
  if (typeof reading === 'string') return reading;
  if (reader.at < source.length) return `has a ) too many at character ${reader.at + 1}`;
  const starts = source.startsWith('^') && reading.branches === 1 ? 1 : LIMITS.signalCharactersMax;
  const ways = reading.ways * starts;
  if (ways > LIMITS.patternWaysMax) {
    return `may take too long: its repetitions can share a text in ${ways.toExponential(0)} ways; bound them, such as {1,20}, or begin with ^`;
  }
  return null;
}

/** Compiles a pattern that `patternFault` has found good. */
export function compilePattern(source: string, ignoreCase = false): RegExp {
  return new RegExp(source, ignoreCase ? 'iu' : 'u');
}

interface Reader {
  source: string;
  at: number;
}

interface Reading {
  /** Ways in which it can match from one place. */
  ways: number;
  branches: number;
}

/** Reads `a|b|c` up to the end or a closing bracket. */
function readAlternatives(reader: Reader): Reading | string {
  let ways = 0;
  let branches = 0;
  do {
    const branch = readSequence(reader);
    if (typeof branch === 'string') return branch;
    ways += branch;
    branches += 1;
  } while (take(reader, '|'));
  return { ways, branches };
}

function readSequence(reader: Reader): number | string {
  let ways = 1;
  while (reader.at < reader.source.length && !'|)'.includes(reader.source[reader.at] ?? '')) {
    const atom = readAtom(reader);
    if (typeof atom === 'string') return atom;
    const repeat = readRepeat(reader);
    if (atom.isGroup && repeat.most > 1) return 'repeats a group, which may take too long';
    ways *= atom.ways * repeat.lengths;
  }
  return ways;
}

interface Atom {
  ways: number;
  isGroup: boolean;
}

function readAtom(reader: Reader): Atom | string {
  const { source, at } = reader;
  if (source[at] === '(') return readGroup(reader);
  if (source[at] === '[') {
    reader.at = endOfClass(source, at);
    return { ways: 1, isGroup: false };
  }
  if (source[at] !== '\\') {
    reader.at += 1;
    return { ways: 1, isGroup: false };
  }
  if (/[1-9k]/.test(source[at + 1] ?? '')) return 'refers back to a group, which may take too long';
  const escaped = /^\\(?:u\{[0-9a-f]+\}|u[0-9a-f]{4}|x[0-9a-f]{2}|p\{[^}]*\}|c.|.)/iu.exec(source.slice(at));
  reader.at += escaped?.[0].length ?? 1;
  return { ways: 1, isGroup: false };
}

function readGroup(reader: Reader): Atom | string {
  if (/^\(\?(?:[=!]|<[=!])/.test(reader.source.slice(reader.at)))
    return 'looks around, which may take too long';
  const opening = /^\((?:\?:|\?<\w+>)?/.exec(reader.source.slice(reader.at));
  reader.at += opening?.[0].length ?? 1;
  const inner = readAlternatives(reader);
  if (typeof inner === 'string') return inner;
  take(reader, ')');
  return { ways: inner.ways, isGroup: true };
}

/** The place after the `]` that closes a class; the pattern has compiled, so there is one. */
function endOfClass(source: string, start: number): number {
  let at = start + 1;
  while (at < source.length && source[at] !== ']') at += source[at] === '\\' ? 2 : 1;
  return at + 1;
}

interface Repeat {
  /** How many lengths it can have: 1 for none, 2 for `?`, and so on. */
  lengths: number;
  most: number;
}

function readRepeat(reader: Reader): Repeat {
  const match = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(reader.source.slice(reader.at));
  if (match === null) return { lengths: 1, most: 1 };
  reader.at += match[0].length;
  const [, sign, min = '0', comma, max = ''] = match;
  const unbounded = LIMITS.signalCharactersMax;
  if (sign !== undefined)
    return sign === '?' ? { lengths: 2, most: 1 } : { lengths: unbounded, most: unbounded };
  if (comma === '') return { lengths: 1, most: Number(min) };
  const most = Math.min(max === '' ? unbounded : Number(max), unbounded);
  return { lengths: most - Number(min) + 1, most };
}

function take(reader: Reader, character: string): boolean {
  if (reader.source[reader.at] !== character) return false;
  reader.at += 1;
  return true;
}

/** Turns what the schema found into sentences for an operator. */
import type * as z from 'zod';
import { nearest } from '../core/nearest.ts';
import type { ConfigPath } from './problems.ts';
import { keysAt, kindOf } from './resolve.ts';

export interface IssueSentence {
  path: ConfigPath;
  message: string;
}

/** One sentence for each problem in `issue`; an unknown key is reported at its own place. */
export function describeIssue(
  issue: z.core.$ZodIssue,
  raw: unknown,
  schema: z.core.$ZodType,
): IssueSentence[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, raw, issue.path);
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: unknownKey(key, known) }));
  }
  const found = valueAt(raw, issue.path);
  // What is wrong with a whole list or group is said by the sentence alone.
  if (typeof found === 'object' && (issue.code === 'too_small' || issue.code === 'custom'))
    return [{ path: issue.path, message: expected(issue) }];
  return [
    {
      path: issue.path,
      message:
        found === undefined
          ? `${expected(issue)}, but the key is missing`
          : `${expected(issue)}, but found ${kindOf(found)}`,
    },
  ];
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const hint = meant === null ? '' : `did you mean ${meant}? `;
  return `this key is not known; ${hint}see docs/reference/settings.md for the keys there are`;
}

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
    case 'too_big':
      return expectedSize(issue);
    case 'invalid_format':
      return FORMAT_NAMES[issue.format] ?? customMessage(issue.message);
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? `expected one of ${issue.options.map(String).join(', ')}`
        : customMessage(issue.message);
    default:
      return customMessage(issue.message);
  }
}

function expectedSize(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  switch (issue.origin) {
    case 'array':
      return `expected ${bound} ${bound.endsWith(' 1') ? 'entry' : 'entries'}`;
    case 'string':
      return `expected ${bound} characters`;
    default:
      return `expected a number of ${bound}`;
  }
}

const TYPE_NAMES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
};

const FORMAT_NAMES: Record<string, string> = {
  email: 'expected an e-mail address',
  url: 'expected a web address',
};

/** Messages that a schema carries itself start with "expected" or say what to give. */
function customMessage(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

function valueAt(raw: unknown, path: ConfigPath): unknown {
  let value = raw;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

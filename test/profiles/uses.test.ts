/** No key of a profile is there for show: each is read by something, or the docs say that it is for people. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { suitablePassword } from '../../src/profiles/passwords.ts';
import { limitsSchema, repairSchema, smtpSchema, tlsSchema } from '../../src/profiles/schema-behaviour.ts';
import { FIELD_USES } from '../../src/profiles/uses.ts';

interface Node {
  properties?: Record<string, Node>;
  items?: Node;
}

/** Paths of all keys that hold a value; a range of firmware and an update are one value each. */
function leaves(node: Node, at: string): string[] {
  const inner = node.properties ?? node.items?.properties;
  if (inner === undefined || at === 'tls.ranges.update') return [at];
  return Object.entries(inner).flatMap(([key, child]) => leaves(child, `${at}.${key}`));
}

const PARTS = { tls: tlsSchema, smtp: smtpSchema, repair: repairSchema, limits: limitsSchema };
const paths = Object.entries(PARTS).flatMap(([name, schema]) => leaves(z.toJSONSchema(schema) as Node, name));

test('every key of the schema stands in the table of uses, and no other', () => {
  expect(Object.keys(FIELD_USES).sort()).toEqual([...paths].sort());
});

test('docs/profiles.md names what is for people alone, and nothing else as that', () => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/profiles.md'), 'utf8');
  const [, section = ''] = /\nFor people alone:([\s\S]*?)\n\n/.exec(text) ?? [];
  const named = [...section.matchAll(/`([^`]+)`/g)].map(([, key]) => key);
  const people = Object.entries(FIELD_USES).flatMap(([key, use]) => (use === 'people' ? [key] : []));
  expect(named.sort()).toEqual(people.sort());
});

test('a password has 16 letters and digits, or as many as the device holds, 20 at most', () => {
  expect(suitablePassword(undefined)).toMatch(/^[A-Za-z2-9]{16}$/);
  expect(suitablePassword({ passwordMax: 20 })).toHaveLength(20);
  expect(suitablePassword({ passwordMax: 255 })).toHaveLength(20);
  expect(suitablePassword({ passwordMax: 8, passwordCharset: '0-9' })).toMatch(/^[2-9]{8}$/);
  expect(suitablePassword({ passwordCharset: '!#' })).toMatch(/^[!#]{16}$/);
});

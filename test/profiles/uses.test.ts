/** No key of a profile is there for show: each is read by something, or the docs say that it is for people. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { suitablePassword } from '../../src/profiles/passwords.ts';
import { limitsSchema, repairSchema, smtpSchema, tlsSchema } from '../../src/profiles/schema-behaviour.ts';

/**
 * What reads each key. `box`: it changes what the box does for the device; `sheet`: what the setup sheet or a password
 * says; `people`: nothing acts on it.
 */
const FIELD_USES = {
  'tls.floor': 'box',
  'tls.mode': 'box',
  'tls.ranges.firmware': 'box',
  'tls.ranges.floor': 'box',
  'tls.ranges.mode': 'box',
  'tls.ranges.protocols': 'box',
  'tls.ranges.modes': 'sheet',
  'tls.ranges.implicitOnAnyPort': 'box',
  'tls.ranges.kx': 'people',
  'tls.ranges.ciphersNeeded': 'people',
  'tls.ranges.helloFormat': 'people',
  'tls.ranges.clientCertificate': 'people',
  'tls.ranges.trustsOnlyInstalledCa': 'sheet',
  'tls.ranges.update': 'sheet',
  'smtp.helo.verb': 'people',
  'smtp.helo.fqdn': 'people',
  'smtp.helo.mayBeEmpty': 'people',
  'smtp.helo.mayHaveSpaces': 'people',
  'smtp.helo.addressLiteral': 'people',
  'smtp.helo.prefix': 'box',
  'smtp.auth.mechanisms': 'people',
  'smtp.auth.order': 'people',
  'smtp.auth.loginPromptStrict': 'people',
  'smtp.auth.sendsWithout': 'people',
  'smtp.auth.popBeforeSmtp': 'people',
  'smtp.advertise.starttls': 'box',
  'smtp.advertise.auth': 'box',
  'smtp.advertise.size': 'box',
  'smtp.advertise.pipelining': 'box',
  'smtp.advertise.eightBitMime': 'box',
  'smtp.join': 'box',
  'smtp.quirks': 'box',
  'smtp.senderForm': 'people',
  'smtp.session.probes': 'people',
  'smtp.session.waitsMinS': 'people',
  'smtp.session.waitsMaxS': 'people',
  'smtp.session.commandIdleMaxS': 'box',
  'smtp.session.dataIdleMaxS': 'box',
  'smtp.session.stallsInData': 'people',
  'smtp.session.noQuit': 'people',
  'smtp.session.oneRecipientEach': 'people',
  'smtp.session.connectionsMax': 'box',
  'smtp.split.kind': 'people',
  'smtp.split.partsMax': 'people',
  'smtp.split.maxKiB': 'people',
  'smtp.split.defaultKiB': 'people',
  'repair.missingFields': 'people',
  'limits.passwordMax': 'sheet',
  'limits.passwordCharset': 'sheet',
  'limits.userMax': 'sheet',
  'limits.serverMax': 'sheet',
  'limits.serverNumericOnly': 'sheet',
  'limits.portFixed': 'sheet',
  'limits.fromMax': 'sheet',
  'limits.recipientsMax': 'people',
  'limits.attachMaxKiB': 'people',
} as const satisfies Record<string, 'box' | 'sheet' | 'people'>;

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

const PARTS = { tls: tlsSchema(), smtp: smtpSchema(), repair: repairSchema(), limits: limitsSchema() };
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

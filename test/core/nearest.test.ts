/** Which word was meant by one with a slip in it. */
import { expect, test } from 'vitest';
import { nearest } from '../../src/core/nearest.ts';

const KEYS = ['hostname', 'listeners', 'trustedNetworks', 'unknownDevices', 'port'];

test.each([
  ['trustedNetwork', 'trustedNetworks'],
  ['trustednetworks', 'trustedNetworks'],
  ['lisetners', 'listeners'],
  ['prot', 'port'],
  ['hostnmae', 'hostname'],
])('%s means %s', (word, meant) => {
  expect(nearest(word, KEYS)).toBe(meant);
});

test('a word that is like none means none', () => {
  expect(nearest('colour', KEYS)).toBeNull();
  expect(nearest('x', KEYS)).toBeNull();
  expect(nearest('port', [])).toBeNull();
});

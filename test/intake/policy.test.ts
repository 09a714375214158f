/** The policy as a table: who is at the other end, what is asked, what the box decides. */
import { describe, expect, test } from 'vitest';
import {
  addressAndPort,
  createNetworkList,
  matchesMailRules,
  normaliseAddress,
} from '../../src/intake/addresses.ts';
import { asciiAddress, createPolicy, type Decision, type Peer } from '../../src/intake/policy.ts';
import { intakeSettings } from '../../src/intake/settings.ts';
import { device } from './support/box.ts';

const copier = device({
  id: 'copier',
  address: '203.0.113.9',
  recipients: ['contoso.com'],
  maxMessageBytes: 5000,
});
const roaming = device({
  id: 'roaming',
  login: { user: 'roaming', password: 'x' },
  senders: ['scan@contoso.com'],
});
const settings = (extra: Record<string, unknown> = {}) =>
  intakeSettings().parse({
    trustedNetworks: ['192.168.50.0/24', 'fd00:50::/32'],
    maxMessageBytes: 10_000,
    ...extra,
  });

const INSIDE = '192.168.50.21';
const OUTSIDE = '198.51.100.7';
const peer = (address: string, rest: Partial<Peer> = {}): Peer => ({
  address,
  tls: false,
  signedIn: null,
  ...rest,
});
const shown = (decision: Decision) =>
  decision.kind === 'refuse' ? decision.code : (decision.held?.code ?? 'accepted');

interface Row {
  what: string;
  peer: Peer;
  settings?: Record<string, unknown>;
  sender?: string;
  bytes?: number;
  expected: string;
}

const SENDER_ROWS: Row[] = [
  { what: 'an unknown device inside, hold', peer: peer(INSIDE), expected: 'intake.device-held' },
  {
    what: 'an unknown device inside, accept',
    peer: peer(INSIDE),
    settings: { unknownDevices: 'accept' },
    expected: 'accepted',
  },
  {
    what: 'an unknown device inside, reject',
    peer: peer(INSIDE),
    settings: { unknownDevices: 'reject' },
    expected: 'intake.device-unknown',
  },
  { what: 'an IPv6 device inside', peer: peer('fd00:50::21'), expected: 'intake.device-held' },
  { what: 'a configured address outside', peer: peer('203.0.113.9'), expected: 'accepted' },
  { what: 'a stranger outside in plain text', peer: peer(OUTSIDE), expected: 'intake.tls-required' },
  {
    what: 'a stranger outside over TLS',
    peer: peer(OUTSIDE, { tls: true }),
    expected: 'intake.sign-in-required',
  },
  {
    what: 'a stranger outside, even where unknown devices are accepted',
    peer: peer(OUTSIDE, { tls: true }),
    settings: { unknownDevices: 'accept' },
    expected: 'intake.sign-in-required',
  },
  {
    what: 'a device signed in outside over TLS',
    peer: peer(OUTSIDE, { tls: true, signedIn: roaming }),
    sender: 'scan@contoso.com',
    expected: 'accepted',
  },
  {
    what: 'a device signed in outside without TLS',
    peer: peer(OUTSIDE, { signedIn: roaming }),
    sender: 'scan@contoso.com',
    expected: 'intake.tls-required',
  },
  {
    what: 'a device signed in inside without TLS',
    peer: peer(INSIDE, { signedIn: roaming }),
    settings: { unknownDevices: 'reject' },
    sender: 'scan@contoso.com',
    expected: 'accepted',
  },
  {
    what: 'the box testing itself',
    peer: peer('127.0.0.1', { signedIn: 'test' }),
    settings: { unknownDevices: 'reject' },
    expected: 'accepted',
  },
  { what: 'the box itself without a login', peer: peer('127.0.0.1'), expected: 'intake.sign-in-required' },
  {
    what: 'a sender that the device may not use',
    peer: peer(INSIDE, { signedIn: roaming }),
    sender: 'boss@contoso.com',
    expected: 'intake.sender-not-allowed',
  },
  {
    what: 'a sender that intake does not allow',
    peer: peer(INSIDE),
    settings: { senders: ['contoso.com'] },
    sender: 'a@other.com',
    expected: 'intake.sender-not-allowed',
  },
  {
    what: 'the device rule before the general one',
    peer: peer(INSIDE, { signedIn: roaming }),
    settings: { senders: ['other.com'] },
    sender: 'scan@contoso.com',
    expected: 'accepted',
  },
  {
    what: 'a declared size over the general limit',
    peer: peer(INSIDE),
    bytes: 10_001,
    expected: 'intake.message-too-large',
  },
  {
    what: 'a declared size over the limit of the device',
    peer: peer('203.0.113.9'),
    bytes: 5001,
    expected: 'intake.message-too-large',
  },
  {
    what: 'a declared size at the limit',
    peer: peer(INSIDE),
    bytes: 10_000,
    settings: { unknownDevices: 'accept' },
    expected: 'accepted',
  },
  {
    what: 'a sender with other than ASCII letters',
    peer: peer(INSIDE),
    sender: 'jürgen@contoso.com',
    expected: 'intake.address-not-ascii',
  },
  {
    what: 'the null sender',
    peer: peer(INSIDE),
    sender: '',
    settings: { unknownDevices: 'accept' },
    expected: 'accepted',
  },
];

describe('the sender decision', () => {
  test.each(SENDER_ROWS)('$what: $expected', (row) => {
    const policy = createPolicy(settings(row.settings), [copier, roaming]);
    expect(shown(policy.sender(row.peer, row.sender ?? 'scanner@contoso.com', row.bytes ?? 0))).toBe(
      row.expected,
    );
  });
});

describe('the recipient decision', () => {
  const policy = createPolicy(settings({ recipients: ['contoso.com', 'anna@fabrikam.com'] }), [copier]);
  test.each([
    [peer(INSIDE), 'anna@contoso.com', 0, null],
    [peer(INSIDE), 'ANNA@Contoso.COM', 0, null],
    [peer(INSIDE), 'anna@fabrikam.com', 0, null],
    [peer(INSIDE), 'bert@fabrikam.com', 0, 'intake.recipient-not-allowed'],
    [peer(INSIDE), 'anna@sub.contoso.com', 0, 'intake.recipient-not-allowed'],
    [peer('203.0.113.9'), 'anna@fabrikam.com', 0, 'intake.recipient-not-allowed'],
    [peer(INSIDE), 'postmaster', 0, 'intake.recipient-incomplete'],
    [peer(INSIDE), 'jürgen@contoso.com', 0, 'intake.address-not-ascii'],
    [peer(INSIDE), 'anna@contoso.com', 499, null],
    [peer(INSIDE), 'anna@contoso.com', 500, 'intake.too-many-recipients'],
  ] as const)('%o to %s after %i others: %s', (who, recipient, already, expected) => {
    expect(policy.recipient(who, recipient, already)).toBe(expected);
  });
});

test('refuses a connection from outside at once while there is no login at all', () => {
  const policy = createPolicy(settings(), [copier]);
  expect(policy.connection(OUTSIDE, false)).toBe('intake.network-not-trusted');
  expect(policy.connection(OUTSIDE, true)).toBeNull();
  expect(policy.connection('203.0.113.9', false)).toBeNull();
});

test('writes every address one way', () => {
  expect(normaliseAddress('::ffff:192.168.50.21')).toBe('192.168.50.21');
  expect(normaliseAddress('FE80:0:0::1%eth0')).toBe('fe80::1');
  expect(createNetworkList(['192.168.50.21'])(normaliseAddress('::FFFF:192.168.50.21'))).toBe(true);
  expect(createNetworkList(['192.168.50.0/24'])('192.168.51.1')).toBe(false);
});

test('writes an international domain in the form every server takes', () => {
  expect(asciiAddress('anna@bücher.example')).toBe('anna@xn--bcher-kva.example');
  expect(asciiAddress('anna@[192.0.2.1]')).toBe('anna@[192.0.2.1]');
  expect(asciiAddress('anna@contoso.com\u3002')).toBe('anna@contoso.com');
  expect(asciiAddress('anna@contoso\u3002com')).toBe('anna@contoso.com');
});

test('does not take an address without a domain for a rule of domains', () => {
  expect(matchesMailRules(['contoso.com'], 'contoso.com')).toBe(false);
  expect(matchesMailRules(['@contoso.com'], 'a@contoso.com')).toBe(true);
});

test('an address of IPv6 stands in brackets before its port', () => {
  expect(addressAndPort({ address: '::', port: 25 })).toBe('[::]:25');
  expect(addressAndPort({ address: '0.0.0.0', port: 25 })).toBe('0.0.0.0:25');
});

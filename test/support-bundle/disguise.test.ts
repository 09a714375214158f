/** Names of a site replaced: everywhere, the same by the same, and nothing else. */
import { describe, expect, test } from 'vitest';
import { createDisguise, type Disguise } from '../../src/support/disguise.ts';
import { createSecretFilter } from '../../src/support/secret-filter.ts';

function disguise(texts: string[], learn: (made: Disguise) => void = () => {}): string[] {
  const made = createDisguise();
  learn(made);
  made.learn(texts);
  return made.apply(texts) as string[];
}

describe('replaces', () => {
  test.each([
    ['an address of mail', 'to <anna.b@contoso.com>.', 'to <person-1@domain-1.invalid>.'],
    ['one with a quoted name', '"anna b"@contoso.com', 'person-1@domain-1.invalid'],
    ['one of another script', 'für@bücher.example wartet', 'person-1@domain-1.invalid wartet'],
    ['one of a machine', 'from root@COPIER', 'from person-1@domain-1.invalid'],
    ['a private address', 'at 192.168.50.21:25', 'at private-ip-1:25'],
    ['a public one at the end of a sentence', 'as 203.0.113.7.', 'as public-ip-1.'],
    ['IPv6', 'from [2001:db8::21]:465', 'from [public-ip-1]:465'],
    ['a local IPv6 address', 'fd00::5 is here', 'private-ip-1 is here'],
    ['a network', 'trusts 192.168.50.0/24', 'trusts private-ip-1/24'],
    ['a MAC address', '00:26:73:aa:bb:cc', 'mac-1'],
    ['a host', 'mqtts://broker.fabrikam.net:8883', 'mqtts://host-1.invalid:8883'],
    ['a host in capitals', 'EHLO COPIER.FABRIKAM.NET', 'EHLO host-1.invalid'],
    ['the MX of a tenant', 'contoso-com.mail.protection.outlook.com', 'tenant-1.mail.protection.outlook.com'],
    ['the first domain of a tenant', 'contoso.onmicrosoft.com', 'tenant-1.onmicrosoft.com'],
    ['ids of tenant and application', 'tenant 6f9619ff-8b86-d011-b42d-00cf4fc964ff', 'tenant id-1'],
  ])('%s', (_what, text, expected) => {
    expect(disguise([text])).toEqual([expected]);
  });

  test('a domain in each of its forms, once an address has shown it', () => {
    const forms = ['mx1.contoso.com', 'CONTOSO.COM', '/etc/scanferry/contoso-berlin.pem', 'contoso.com.'];
    expect(disguise(['anna@contoso.com', ...forms])).toEqual([
      'person-1@domain-1.invalid',
      'host-1.domain-1.invalid',
      'domain-1.invalid',
      '/etc/scanferry/name-1-berlin.pem',
      'domain-1.invalid.',
    ]);
  });

  test('names that nothing gives away, wherever they stand', () => {
    const learn = (made: Disguise) => {
      made.learnName('site', 'berlin-hq');
      made.learnName('device', 'copier-2f');
    };
    expect(disguise(['Berlin-HQ has copier-2f', 'device_silent_copier_2f', 'copier-2fx'], learn)).toEqual([
      'site-1 has device-1',
      'device_silent_device-1',
      'copier-2fx',
    ]);
  });
});

test('leaves alone what everybody has, and our own words', () => {
  const texts = [
    'smtp.office365.com',
    'https://login.microsoftonline.com',
    '127.0.0.1:2525',
    '0.0.0.0',
    '::1',
    'spool.maxBytes',
    '/var/lib/scanferry/spool.db',
    '2026-11-29T14:12:49.123Z',
    '535 5.7.3 Authentication unsuccessful',
    '1.3.6.1.4.1.367.3.2.1.2',
  ];
  expect(disguise(texts)).toEqual(texts);
  const made = createDisguise();
  const ours = { event: 'message.accepted', code: 'route.mx-missing' };
  expect(made.apply(ours)).toEqual(ours);
});

describe('the filter takes a secret out', () => {
  const filter = createSecretFilter(['correct horse', 'abc', '{"k":1}']);
  test.each([
    ['as it is', 'password correct horse!', 'password [secret]!'],
    ['in an address', 'user=x&p=correct%20horse', 'user=x&p=[secret]'],
    ['in JSON', JSON.stringify({ x: '{"k":1}' }), '{"x":"[secret]"}'],
    ['in base64', `AUTH ${Buffer.from('correct horse').toString('base64')}`, 'AUTH [secret]'],
    ['in AUTH PLAIN', Buffer.from('\0kim\0correct horse').toString('base64'), '[secret]'],
    ['when it is a short word', 'abc abcd', '[secret] abcd'],
    ['when it is a token', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0aa.c2ln', '[secret]'],
    ['when it is a private key', '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----', '[secret]'],
    ['when it stands in a URL', 'mqtt://kim:pw@broker', 'mqtt://[secret]@broker'],
  ])('%s', (_how, text, expected) => {
    expect(filter(text)).toBe(expected);
  });
});

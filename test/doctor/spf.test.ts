/** SPF records: evaluated as RFC 7208 says, judged for the way mail goes, with the exact record to publish. */
import { describe, expect, test } from 'vitest';
import { createSystemClock } from '../../src/core/clock.ts';
import { readSpf } from '../../src/doctor/spf.ts';
import { examineSpf, isPublic } from '../../src/doctor/spf-check.ts';
import type { DoctorResolver } from '../../src/doctor/types.ts';

const bounds = { clock: createSystemClock(0), signal: new AbortController().signal };
const MICROSOFT = { 'spf.protection.outlook.com': ['v=spf1 ip4:40.92.0.0/15 -all'] };

type Names = Record<string, readonly string[]>;

/** TXT records by name; `a` and `mx` are A records and mail hosts. A name that is `broken` is SERVFAIL. */
function resolver(txt: Names, { a = {}, mx = {} }: { a?: Names; mx?: Names } = {}): DoctorResolver {
  const answer = (table: Names, name: string): string[] => {
    if (name.startsWith('broken')) throw Object.assign(new Error('refused'), { code: 'ESERVFAIL' });
    const found = table[name];
    if (found === undefined) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' });
    return [...found];
  };
  return {
    // In two strings, as long records come.
    resolveTxt: async (name) => answer(txt, name).map((text) => [text.slice(0, 9), text.slice(9)]),
    resolveMx: async (name) => answer(mx, name).map((exchange) => ({ exchange, priority: 0 })),
    resolve4: async (name) => answer(a, name),
    resolve6: async () => [],
  };
}

describe('a record is evaluated', () => {
  const HOSTS = {
    a: { 'mail.contoso.com': ['198.51.100.7'], 'contoso.com': ['198.51.100.1'] },
    mx: { 'contoso.com': ['mail.contoso.com'] },
  };
  const OTHERS = {
    '_spf.example.net': ['v=spf1 ip4:203.0.113.0/24 -all'],
    'other.example': ['v=spf1 ip6:2001:db8::/32 ~all'],
  };

  test.each([
    ['v=spf1 ip4:198.51.100.7 -all', '198.51.100.7', 'pass'],
    ['v=spf1 ip4:198.51.100.0/24 -all', '198.51.101.7', 'fail'],
    ['v=spf1 ip6:2001:db8::/32 -all', '2001:db8::5', 'pass'],
    ['v=spf1 mx -all', '198.51.100.7', 'pass'],
    ['v=spf1 a/28 ~all', '198.51.100.7', 'pass'],
    ['v=spf1 a:mail.contoso.com ~all', '198.51.100.8', 'softfail'],
    ['v=spf1 include:_spf.example.net ?all', '203.0.113.9', 'pass'],
    ['v=spf1 include:_spf.example.net ?all', '203.0.114.9', 'neutral'],
    ['v=spf1 redirect=other.example', '2001:db8::1', 'pass'],
    ['v=spf1', '198.51.100.7', 'neutral'],
    ['v=spf1 include:nowhere.example -all', '198.51.100.7', 'permerror'],
    ['v=spf1 ip4:contoso.com -all', '198.51.100.7', 'permerror'],
    ['v=spf1 ip4:198.51.100.0/33 -all', '198.51.100.7', 'permerror'],
    ['v=spf1 inclued:_spf.example.net -all', '198.51.100.7', 'permerror'],
    ['v=spf1 include:broken.example -all', '198.51.100.7', 'temperror'],
  ])('%s for %s is %s', async (record, address, result) => {
    const names = resolver({ 'contoso.com': [record], ...OTHERS }, HOSTS);
    const reading = await readSpf({ ...bounds, domain: 'contoso.com', address, resolver: names });
    expect(reading.result).toBe(result);
  });

  test('a loop of includes ends at the tenth lookup', async () => {
    const names = resolver({ 'contoso.com': ['v=spf1 include:contoso.com -all'] });
    const reading = await readSpf({ ...bounds, domain: 'contoso.com', address: null, resolver: names });
    expect(reading).toMatchObject({ result: 'permerror', detail: 'it needs more than 10 lookups' });
  });
});

describe('what is told', () => {
  const SEEN = '203.0.113.25';

  interface Row {
    name: string;
    records?: string[];
    /** Null for submission, where only Microsoft must be allowed. */
    address?: string | null;
    told: [string, string | undefined];
    /** The record that the advice names. */
    publish?: string;
  }

  const ROWS: Row[] = [
    {
      name: 'a good record',
      records: ['v=spf1 include:spf.protection.outlook.com -all'],
      told: ['ok', undefined],
    },
    {
      name: 'none',
      told: ['warn', 'doctor.spf-missing'],
      publish: 'v=spf1 include:spf.protection.outlook.com ~all',
    },
    {
      name: 'none, for direct send',
      address: SEEN,
      told: ['warn', 'doctor.spf-missing'],
      publish: `v=spf1 ip4:${SEEN} include:spf.protection.outlook.com ~all`,
    },
    {
      name: 'one without Microsoft',
      records: ['v=spf1 mx include:_spf.example.net -all'],
      told: ['warn', 'doctor.spf-without-microsoft'],
      publish: 'v=spf1 mx include:_spf.example.net include:spf.protection.outlook.com -all',
    },
    {
      name: 'one without the address of the box',
      records: ['v=spf1 include:spf.protection.outlook.com -all'],
      address: SEEN,
      told: ['warn', 'doctor.spf-without-address'],
      publish: `v=spf1 include:spf.protection.outlook.com ip4:${SEEN} -all`,
    },
    {
      name: 'one that allows the address by its network',
      records: ['v=spf1 ip4:203.0.113.0/24 include:spf.protection.outlook.com -all'],
      address: SEEN,
      told: ['ok', undefined],
    },
    {
      name: 'one without the IPv6 address of the box',
      records: ['v=spf1 include:spf.protection.outlook.com -all'],
      address: '2001:db8::5',
      told: ['warn', 'doctor.spf-without-address'],
      publish: 'v=spf1 include:spf.protection.outlook.com ip6:2001:db8::5 -all',
    },
    {
      name: 'an address that nobody outside sees',
      records: ['v=spf1 include:spf.protection.outlook.com -all'],
      address: '192.168.50.5',
      told: ['ok', undefined],
    },
    {
      name: 'two records',
      records: ['v=spf1 include:spf.protection.outlook.com ~all', 'v=spf1 include:_spf.example.net -all'],
      told: ['fail', 'doctor.spf-several'],
      publish: 'v=spf1 include:spf.protection.outlook.com include:_spf.example.net -all',
    },
    {
      name: 'one for the whole internet',
      records: ['v=spf1 include:spf.protection.outlook.com +all'],
      told: ['warn', 'doctor.spf-for-all'],
      publish: 'v=spf1 include:spf.protection.outlook.com ~all',
    },
    {
      name: 'a void one',
      records: ['v=spf1 include:nowhere.example -all'],
      told: ['fail', 'doctor.spf-invalid'],
    },
    {
      name: 'one that can not be read',
      records: ['v=spf1 include:broken.example -all'],
      told: ['warn', 'doctor.spf-unreadable'],
    },
    {
      name: 'one that only a message could judge',
      records: ['v=spf1 exists:%{i}.spf.contoso.com include:spf.protection.outlook.com -all'],
      address: SEEN,
      told: ['ok', undefined],
    },
  ];

  test.each(ROWS)('of $name', async ({ records, address = null, told, publish }) => {
    const names = resolver({
      ...MICROSOFT,
      '_spf.example.net': ['v=spf1 ip4:198.51.100.0/24 -all'],
      ...(records === undefined ? {} : { 'contoso.com': records }),
    });
    const finding = await examineSpf({ ...bounds, domain: 'contoso.com', address, resolver: names });
    expect([finding.grade, finding.why?.code]).toEqual(told);
    if (publish !== undefined) expect(finding.why?.advice.split(': ').at(-1)).toBe(publish);
  });

  test('in a national cloud nothing is asked of Microsoft, whose record there is not known', async () => {
    const names = resolver({ 'contoso.com': ['v=spf1 ip4:198.51.100.7 -all'] });
    const question = { ...bounds, domain: 'contoso.com', address: null, resolver: names, isWorldwide: false };
    expect(await examineSpf(question)).toMatchObject({ grade: 'ok', text: 'in order' });
  });
});

test.each([
  ['203.0.113.25', true],
  ['10.1.2.3', false],
  ['100.64.0.9', false],
  ['172.31.255.1', false],
  ['172.32.0.1', true],
  ['fd00::1', false],
  ['2001:db8::1', true],
])('%s can be seen from the internet: %s', (address, isSeen) => {
  expect(isPublic(address)).toBe(isSeen);
});

/** Naming a device by its signals: sums, ties, firmware, and whatever a device may answer. */
import { describe, expect, test } from 'vitest';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { compareFirmware, isInRange, tlsFor } from '../../src/profiles/firmware.ts';
import { createIdentifier } from '../../src/profiles/identify.ts';
import { loadCatalogue } from '../../src/profiles/load-catalogue.ts';
import { patternFault } from '../../src/profiles/pattern.ts';
import { privacyFaults } from '../../src/profiles/privacy.ts';
import { parseSession } from '../../src/profiles/session-file.ts';
import { type DeviceSignals, SIGNAL_NAMES } from '../../src/profiles/signals.ts';
import type { DeviceProfile } from '../../src/profiles/types.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';

const evidence = [{ field: 'match', grade: 'captured', source: 'made for this test', date: '2026-11-24' }];

function profileOf(id: string, signals: unknown[], more: object = {}) {
  const json = {
    ...{ id, title: id, vendor: 'Acme', status: 'stub', evidence, ...more },
    match: { signals, minScore: 80 },
    testVectors: [{ signals: { ehlo: 'x' }, verdict: 'likely', source: 'made for this test' }],
  };
  return { path: `${id}/profile.json`, json };
}

const word = (value: string, weight: number) => ({ signal: 'snmpSysDescr', op: 'prefix', value, weight });
const arc = (value: string, weight: number) => ({ signal: 'snmpSysObjectId', op: 'prefix', value, weight });

describe('a score', () => {
  test('is the sum of the best rule for each signal', () => {
    const identify = createIdentifier(
      loadCatalogue([profileOf('acme/a', [word('ACME', 30), word('ACME S', 60), arc('1.3.6.1.4.1.9', 40)])]),
    );
    const { candidates } = identify({ snmpSysDescr: 'ACME S100', snmpSysObjectId: '.1.3.6.1.4.1.9.1' });
    expect(candidates).toMatchObject([{ score: 100, verdict: 'identified' }]);
  });

  test('counts an OID between whole arcs only', () => {
    const identify = createIdentifier(loadCatalogue([profileOf('acme/a', [arc('1.3.6.1.4.1.36', 60)])]));
    expect(identify({ snmpSysObjectId: '1.3.6.1.4.1.367.1.1' }).candidates).toEqual([]);
    expect(identify({ snmpSysObjectId: '1.3.6.1.4.1.36' }).verdict).toBe('likely');
  });

  test('is lowered by what speaks against, and the reason says so', () => {
    const identify = createIdentifier(
      loadCatalogue([
        profileOf('acme/a', [word('ACME', 60), arc('1.3.6.1.4.1.9', 40), { ...word('ACME printer', -50) }]),
      ]),
    );
    const found = identify({ snmpSysDescr: 'ACME printer', snmpSysObjectId: '1.3.6.1.4.1.9.1' });
    expect(found.candidates).toMatchObject([{ score: 50 }]);
    expect(found.sentence).toMatch(
      / lies under 1\.3\.6\.1\.4\.1\.9, although sysDescr begins with 'ACME printer'\.$/,
    );
  });

  test('that two profiles share names neither, unless one is the family of the other', () => {
    const rules = [word('ACME', 60), arc('1.3.6.1.4.1.9', 40)];
    const signals = { snmpSysDescr: 'ACME', snmpSysObjectId: '1.3.6.1.4.1.9' };
    const strangers = [profileOf('acme/a', rules), profileOf('acme/b', rules)];
    expect(createIdentifier(loadCatalogue(strangers))(signals)).toMatchObject({
      verdict: 'ambiguous',
      profile: null,
      sentence: 'acme/a and acme/b fit equally well, so none is taken.',
    });
    const kin = [profileOf('acme/a', rules), profileOf('acme/b', rules, { variantOf: 'acme/a' })];
    expect(createIdentifier(loadCatalogue(kin))(signals)).toMatchObject({ profile: 'acme/a' });
  });
});

describe('firmware', () => {
  test.each([
    ['1.9', '1.10', 'dotted', -1],
    ['V4.01.20', '4.1.20', 'dotted', 0],
    ['66.12', '66.9', 'dotted', 1],
    ['201305012030', '2013-05-02', 'date', -1],
    ['1.9', '1.10', 'none', null],
    ['unknown', '1.10', 'dotted', null],
    ['12', '2013-05-02', 'date', null],
  ] as const)('%s beside %s, read as %s', (left, right, order, expected) => {
    const found = compareFirmware(left, right, order);
    expect(found === null ? null : Math.sign(found)).toBe(expected);
  });

  test('that can not be compared lies in no range', () => {
    expect(isInRange('beta', { before: '2.0' }, 'dotted')).toBe(false);
    expect(isInRange('1.5', { from: '1.0', before: '2.0' }, 'dotted')).toBe(true);
    expect(isInRange('2.0', { from: '1.0', before: '2.0' }, 'dotted')).toBe(false);
  });

  test('picks the range of TLS, and an unknown one refuses the device nothing', () => {
    const profile: DeviceProfile = {
      ...{ id: 'acme/a', title: 'A', status: 'partial', evidence: [] },
      version: { from: [{ signal: 'ehlo', regex: '(.)' }], compare: 'dotted' },
      tls: {
        mode: 'starttls',
        ranges: [
          { firmware: { from: '2.0' }, floor: 'modern', protocols: ['tls1.2'] },
          { firmware: { before: '2.0' }, protocols: ['tls1.0'], update: { to: '2.0', brings: 'TLS 1.2' } },
        ],
      },
    };
    expect(tlsFor(profile, '2.1')).toMatchObject({ floor: 'modern', mode: 'starttls' });
    expect(tlsFor(profile, '1.9').update).toEqual({ to: '2.0', brings: 'TLS 1.2' });
    expect(tlsFor(profile, null)).toEqual({ mode: 'starttls' });
  });
});

describe('whatever a device answers', () => {
  const identify = createIdentifier(builtInCatalogue());
  // What a file of an older version, or a lying device, may leave in place of text.
  const odd = (value: unknown) => value as DeviceSignals;

  test.each([
    ['nothing', {}],
    ['numbers', odd({ snmpSysDescr: 4711, snmpSysObjectId: null })],
    ['lists', odd({ snmpOids: ['1.3.6'], ehlo: [] })],
    ['a name of the language', odd({ snmpOids: { __proto__: 'x', constructor: 'RICOH' }, toString: 'x' })],
    ['control characters', { snmpSysDescr: 'RICOH \u0000\u001b[2J\r\n MP' }],
    ['a megabyte', { snmpSysDescr: 'RICOH '.repeat(200_000), ehlo: 'a'.repeat(1_000_000) }],
  ] satisfies [string, DeviceSignals][])('%s is taken without an error', (_what, signals) => {
    expect(['unknown', 'likely', 'identified', 'ambiguous']).toContain(identify(signals).verdict);
  });

  test('random signals are judged at once and never identified by noise', () => {
    const seed = seedFromEnvironment();
    console.log(`seed ${seed} (SEED=${seed} repeats it)`);
    const random = createRandom(seed);
    const text = () =>
      Array.from({ length: Math.floor(random() * 300) }, () =>
        String.fromCharCode(Math.floor(random() * (random() < 0.1 ? 0x10000 : 128))),
      ).join('');
    for (let round = 0; round < 300; round++) {
      const pairs = SIGNAL_NAMES.map((name) => [
        name,
        name === 'snmpOids' ? { [`1.3.6.${Math.floor(random() * 9)}`]: text() } : text(),
      ]);
      const found = identify(odd(Object.fromEntries(pairs)));
      expect(found.verdict, JSON.stringify(found.candidates)).not.toBe('identified');
    }
  });
});

describe('a pattern', () => {
  test.each([
    ['^RICOH (MP|IM) \\S{1,20}$', null],
    ['(a+)+$', 'repeats a group'],
    ['(.*)(.*)(.*)x', 'may take too long'],
    ['(?=a)b', 'looks around'],
    ['(a)\\1', 'refers back'],
    ['[', 'is no regular expression'],
  ])('%s', (source, fault) => {
    if (fault === null) expect(patternFault(source)).toBeNull();
    else expect(patternFault(source)).toContain(fault);
  });
});

describe('what must not be published is found', () => {
  test.each([
    ['SN:K4711ABC99', 'serial number'],
    ['S/N 12AB34CD', 'serial number'],
    ['00:26:73:12:34:56', 'hardware address'],
    ['EHLO [192.168.7.21]', 'address 192.168.7.21'],
    ['scan@10.1.2.3', 'address 10.1.2.3'],
    ['MAIL FROM:<jo@acme-office.net>', 'mailbox'],
  ])('%s', (text, what) => {
    expect(privacyFaults(text).join()).toContain(what);
  });

  test.each(['SN:XXXXXXXX', 'S/N 0000000', '<anna@contoso.com>', '[192.0.2.7]', 'version 10.1.2.3'])(
    '%s may stay',
    (text) => {
      expect(privacyFaults(text)).toEqual([]);
    },
  );
});

describe('a session file', () => {
  const head = '# Sends\n# source: a capture\n# grade: captured\n# date: 2026-11-24\n';

  test.each([
    ['nothing', '', 'does not begin with #'],
    ['no step', head, 'holds no step'],
    ['an unknown verb', `${head}Q: what\n`, 'line 5 does not begin with C:'],
    ['a reply without a code', `${head}S: fine\n`, 'line 5 does not name a reply code'],
    ['a broken escape', `${head}R: \\q\n`, 'holds an escape other than'],
    ['a TLS version that does not exist', `${head}T: starttls TLSv9\n`, 'names a TLS version other than'],
    ['a third way to TLS', `${head}T: sometimes\n`, 'does not say T: implicit'],
    ['too much filler', `${head}F: 99999999\n`, 'does not hold a number from 1'],
    ['a pause without end', `${head}P: 0\n`, 'does not hold a number from 1'],
    ['too many steps', `${head}${'C: NOOP\n'.repeat(600)}`, 'holds more than 500 steps'],
    ['too long', `${head}C: ${'x'.repeat(70_000)}\n`, 'is longer than 64 KiB'],
  ])('with %s is refused with its line', (_what, text, fault) => {
    const parsed = parseSession(text);
    expect('fault' in parsed ? parsed.fault : 'none').toContain(fault);
  });

  test('is read step by step, bytes as they are written', () => {
    const parsed = parseSession(`${head}# delivers: 2\nS: 250 !STARTTLS\nR: a\\r\\n\\x00\\\\\nX:\nN:\n`);
    expect(parsed).toMatchObject({
      session: {
        title: 'Sends',
        delivers: 2,
        steps: [
          { kind: 'expect', code: 250, holds: null, lacks: 'STARTTLS' },
          { kind: 'send-raw', text: 'a\r\n\0\\' },
          { kind: 'drop' },
          { kind: 'connect' },
        ],
      },
    });
  });
});

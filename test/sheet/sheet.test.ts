/** What a setup sheet says of a device: menus in order, the values of this box, what does not fit, and how a scan travels. */
import { describe, expect, test } from 'vitest';
import type { DeviceProfile } from '../../src/profiles/types.ts';
import { renderText } from '../../src/sheet/text.ts';
import type { Sheet } from '../../src/sheet/types.ts';
import { catalogue, sheetOf } from './fixture.ts';

const step = (sheet: Sheet, label: string) =>
  sheet.ways.flatMap(({ steps }) => steps).find((one) => one.label === label)?.set;
const value = (sheet: Sheet, label: string) => sheet.values.find((one) => one.label === label)?.value;

describe('menus', () => {
  test('come in the order of the source, with the values of this box in the words of each field', () => {
    const epson = sheetOf('epson/workforce');
    expect(epson.ways[0]?.steps.map(({ label, set }) => [label, set])).toEqual([
      ['Authentication Method', 'SMTP AUTH'],
      ['Authenticated Account', 'copier2f'],
      ['Authenticated Password', 'kR7pTq2mWx9Zs4Bd'],
      ["Sender's Email Address", 'scanner@contoso.com'],
      ['SMTP Server Address', 'scanferry.contoso.local'],
      ['SMTP Server Port Number', '25'],
      ['Secure Connection', 'STARTTLS'],
    ]);
    expect(
      epson.ways[0]?.steps.every(({ path }) => path.join(' > ') === 'Web Config > Email server settings'),
    ).toBe(true);
  });

  test('say off in the word of the field where there is no login and no TLS', () => {
    const plain = { listeners: [{ port: 2525, tls: 'none', floor: 'legacy' } as const] };
    const epson = sheetOf('epson/workforce', { login: null }, plain);
    expect(step(epson, 'Authentication Method')).toBe('Off');
    expect(step(epson, 'Authenticated Account')).toBe('leave empty');
    expect(step(epson, 'Secure Connection')).toBe('None');
    expect(step(sheetOf('canon/ir', {}, plain), 'Allow SSL (SMTP Send)')).toBe('off');
    expect(step(sheetOf('canon/ir'), 'Allow SSL (SMTP Send)')).toBe('on');
  });

  test('carry their source, its grade and the day it was read, and say when they are not whole', () => {
    const [way] = sheetOf('canon/ir').ways;
    expect(way?.evidence).toMatch(
      /^from the vendor’s own text: Canon .* \(read 20\d\d-\d\d-\d\d\); it shows only part/,
    );
  });

  test('nobody knows are not made up', () => {
    const sheet = sheetOf('hp/laserjet');
    expect(sheet.ways).toEqual([]);
    expect(sheet.knowledge).toContain('No text of the maker was found');
    expect(sheetOf(null).knowledge).toContain('No profile is set for this device');
  });

  test('of the whole catalogue leave no placeholder behind, with a login and without', () => {
    for (const id of catalogue.keys()) {
      for (const more of [{}, { login: null, from: null, address: null, id: null }]) {
        const text = renderText(sheetOf(id, more));
        expect(text, id).not.toMatch(/\{\{|\}\}|undefined|\[object|NaN/);
        for (const line of text.split('\n')) {
          if (line.length > 78) expect(line.trim(), `${id}: only a word may be longer`).not.toContain(' ');
        }
      }
    }
  });
});

describe('what does not fit its fields is said', () => {
  const long = 'kR7pTq2mWx9Zs4BdkR7pTq2mWx9Zs4Bd';

  test.each([
    ['epson/workforce', 'The password is longer than the 20 characters'],
    ['xerox/workcentre-6015', 'The password is longer than the 31 characters'],
    ['hp/laserjet', null],
  ])('a password of 32 characters at %s', (profile, warning) => {
    const { warnings } = sheetOf(profile, { login: { user: 'a', password: long, isShown: false } });
    if (warning === null) expect(warnings.join()).not.toContain('password');
    else expect(warnings.join()).toContain(warning);
  });

  test('a password with a letter that the device does not take', () => {
    const asrock = sheetOf('asrock/bmc', { login: { user: 'a', password: 'with a space', isShown: false } });
    expect(asrock.warnings.join()).toContain('holds characters that this device does not take');
  });

  test('a name of the box that is too long, or that the device can not take: its address stands in', () => {
    const hostname = `${'long-'.repeat(14)}name.contoso.local`;
    expect(value(sheetOf('dell/2335dn', {}, { hostname }), 'SMTP server')).toBe('192.168.50.2');
    expect(value(sheetOf('asrock/bmc'), 'SMTP server')).toBe('192.168.50.2');
  });

  test('the address in the device’s own network is taken', () => {
    const sheet = sheetOf('asrock/bmc', { address: '10.0.0.9' });
    expect(value(sheet, 'SMTP server')).toBe('10.0.0.2');
  });

  test('a port that the device can not change and the box does not have', () => {
    const fixed = [...catalogue.values()].find(({ limits }) => limits?.portFixed !== undefined);
    const listeners = [{ port: 2525, tls: 'auto', floor: 'legacy' } as const];
    const sheet = sheetOf(fixed ?? null, {}, { listeners });
    expect(sheet.warnings.join()).toContain(
      `on port ${fixed?.limits?.portFixed}, the only one this device can use`,
    );
  });

  test('a device without TLS 1.2 at a port that wants it', () => {
    const old: DeviceProfile = {
      ...{ id: 'acme/old', title: 'Old', status: 'partial', evidence: [] },
      tls: { mode: 'starttls', ranges: [{ firmware: 'any', protocols: ['tls1.0', 'tls1.1'] }] },
    };
    const { warnings } = sheetOf(old, {}, { listeners: [{ port: 25, tls: 'auto', floor: 'modern' }] });
    expect(warnings.join()).toContain('This device has no TLS 1.2, and port 25 refuses older versions');
  });

  test('an update that a source advises', () => {
    expect(sheetOf('xerox/workcentre').warnings.join()).toContain('An update');
  });
});

describe('the picture of the way', () => {
  test.each([
    ['epson/workforce', 'TLS, by STARTTLS', true],
    ['generic/implicit', 'TLS, from the first byte', true],
    ['fuji-xerox/apeosport-iv', 'plain text, inside your network only', false],
    ['hp/laserjet', 'encrypted where the device can', false],
  ])('of %s says %s', (profile, encryption, isEncrypted) => {
    const [device, upstream] = sheetOf(profile).legs;
    expect(device).toMatchObject({ encryption, isEncrypted });
    expect(upstream).toEqual({
      from: 'scanferry.contoso.local',
      to: 'Microsoft 365',
      encryption: 'TLS 1.2 or newer, verified; signed in to a mailbox',
      isEncrypted: true,
    });
  });
});

describe('the certificate', () => {
  test('is to be installed where the device insists, by a name that it holds', () => {
    expect(sheetOf('apc/nmc2', { firmware: '6.4.6' }).certificate).toContain(
      'install the root certificate of the box there',
    );
    expect(sheetOf('apc/nmc2', { firmware: '6.4.6' }).certificate).toContain(
      'https://scanferry.contoso.local/scanferry-ca.cer',
    );
    expect(sheetOf('fuji-xerox/apeosport-iv').certificate).toMatch(/^None is needed/);
    expect(sheetOf('epson/workforce', {}, { pageUrl: null }).certificate).toContain(
      '`scanferry certificate`',
    );
  });
});

describe('a secret', () => {
  test('stands on the sheet only where it was asked for', () => {
    const login = { user: 'copier2f', password: 'kR7pTq2mWx9Zs4Bd', isShown: false };
    const text = renderText(sheetOf('epson/workforce', { login }));
    expect(text).not.toContain(login.password);
    expect(text).toContain('not printed here');
  });
});

test('the device’s own error codes come with what to do, where a profile has them', () => {
  const sourced = { grade: 'vendor', source: 'a manual', date: '2026-11-24' } as const;
  const profile: DeviceProfile = {
    ...{ id: 'acme/scan', title: 'Scan', status: 'partial', evidence: [] },
    errors: [{ code: '#123', meaning: 'The server is not found.', advice: 'Check its name.', ...sourced }],
  };
  const text = renderText(sheetOf(profile));
  expect(text).toContain('What the device may say\n  #123: The server is not found. Check its name.');
});

test('as text it reads from top to bottom, values first', () => {
  const text = renderText(sheetOf('canon/ir'));
  const order = [
    'What to enter',
    'Additional Functions,',
    'Certificate',
    'How a scan travels',
    'Try it',
    'This sheet: https://',
  ];
  const places = order.map((title) => text.indexOf(title));
  expect(places.every((place) => place > 0)).toBe(true);
  expect([...places].sort((a, b) => a - b)).toEqual(places);
  expect(text).toMatch(/^Setting up Copier second floor\n={30}\n/);
});

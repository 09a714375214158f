/** What a notice is as bytes: read back by Python, whatever letters are in it; statuses of RFC 3463. */
import { describe, expect, test } from 'vitest';
import { composeNotice, composeReport } from '../../src/notices/compose.ts';
import { deliveryStatus } from '../../src/notices/delivery-status.ts';
import { localMailDate, localTime } from '../../src/notices/times.ts';
import type { NoticeConfig } from '../../src/notices/types.ts';
import type { Undelivered } from '../../src/notices/undelivered.ts';
import { runCommand } from '../support/processes.ts';
import { readByPython } from './support.ts';

const NOW = Date.UTC(2026, 10, 24, 8, 12, 5);
const config: NoticeConfig = {
  settings: null,
  siteName: 'Zürich – 本社 "Nord"',
  hostname: 'scanferry.contoso.com',
  defaultFrom: 'scanner@contoso.com',
  ownDomains: [],
  devices: new Map(),
  maxAgeHours: 96,
  failedKeepDays: 14,
};
const envelope = {
  to: ['it@contoso.com', 'ops@contoso.com'],
  messageId: '<1@x>',
  from: 'scanner@contoso.com',
  now: NOW,
};
const head = {
  id: '1m85zfedmb5nafh9',
  receivedAt: NOW,
  sender: 'kim@contoso.com',
  messageIdHeader: '<a@b>',
  bodyBytes: 1,
  device: {
    id: null,
    address: 'fe80::1',
    greeting: null,
    login: null,
    profile: null,
    listener: 'x',
    tls: null,
  },
};
const one = (overrides: Partial<Undelivered> = {}): Undelivered => ({
  ...{ address: 'ann@contoso.com', state: 'failed', code: '', cause: 'Refused.', advice: null },
  ...{ reply: null, host: null, lastAttemptAt: null },
  ...overrides,
});

describe('letters of any kind', () => {
  const subject = `Größe 😀 ${'Wort '.repeat(40)}${'ß'.repeat(200)}`;
  const lines = [
    'Grüße',
    '',
    ' leading',
    'trailing ',
    '.',
    '..dots',
    'From here',
    `${'x'.repeat(1200)} 😀`,
    '=3D=',
  ];

  test('survive in subject, name and text', async () => {
    const bytes = composeNotice({ subject, text: `${lines.join('\n')}\n` }, envelope, config);
    expect(
      Math.max(
        ...bytes
          .toString('latin1')
          .split('\r\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(78);
    expect(bytes.every((byte) => byte < 0x80)).toBe(true);
    const read = await readByPython(bytes);
    expect(read.defects).toEqual([]);
    expect(read.headers['subject']).toBe(`[${config.siteName}] ${subject}`);
    expect(read.headers['from']).toContain('<scanner@contoso.com>');
    expect(read.headers['from']).toContain('Zürich – 本社');
    expect(read.headers['to']).toBe('it@contoso.com, ops@contoso.com');
    expect(read.headers['auto-submitted']).toBe('auto-generated');
    expect(read.text?.split('\n').slice(0, lines.length)).toEqual(lines);
  });

  test('that control a terminal or begin a header do neither', async () => {
    const evil = 'x\r\nBcc: eve@fabrikam.com\r\n\r\n\u001b[2J\u0000\u2028y';
    const bytes = composeReport({ subject: evil, text: evil }, envelope, {
      ...{ config, head, returnedHeader: null, action: { kind: 'failed' } },
      recipients: [one({ reply: `550 5.7.1 ${evil}`, host: evil })],
    });
    const read = await readByPython(bytes);
    expect(read.defects).toEqual([]);
    expect(Object.keys(read.headers)).not.toContain('bcc');
    expect(bytes.includes(0x1b) || bytes.includes(0)).toBe(false);
    const [, recipient] = read.parts[1]?.parts ?? [];
    expect(recipient?.headers['diagnostic-code']).toContain('550 5.7.1 x Bcc: eve@fabrikam.com [2J y');
    expect(Object.keys(recipient?.headers ?? {})).not.toContain('bcc');
  });

  test('of a reply of 4 KiB make no line longer than mail allows', () => {
    const text = deliveryStatus(head, [one({ reply: `550 ${'y'.repeat(4096)}` })], {
      ...{ hostname: 'x', action: { kind: 'failed' as const } },
    });
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(998);
  });
});

describe('the status of a recipient', () => {
  const failed = { kind: 'failed' as const };
  const delayed = { kind: 'delayed' as const, until: NOW };
  test.each([
    ['what the other side said', one({ reply: '550 5.1.10 gone' }), failed, '5.1.10'],
    [
      'what it said on several lines',
      one({ reply: '554-5.2.252 SendAsDenied\n554 5.2.252 end' }),
      failed,
      '5.2.252',
    ],
    ['unknown when it said none', one({ reply: '550 gone' }), failed, '5.0.0'],
    ['unknown when it said a passing one', one({ reply: '451 4.7.500 busy' }), failed, '5.0.0'],
    ['the time that is over', one({ code: 'message.too-old', reply: '451 4.7.500 busy' }), failed, '5.4.7'],
    ['the size', one({ code: 'message.too-large' }), failed, '5.3.4'],
    ['passing while it is tried on', one({ reply: '451 4.7.500 busy' }), delayed, '4.7.500'],
    ['passing, though nobody said so', one({ reply: '550 5.1.1 x' }), delayed, '4.0.0'],
  ])('is %s', (_name, recipient, action, status) => {
    expect(deliveryStatus(head, [recipient], { hostname: 'x', action })).toContain(`Status: ${status}\n`);
  });

  test('names the device by an address literal of its kind', () => {
    expect(deliveryStatus(head, [], { hostname: 'x', action: failed })).toContain(
      'Received-From-MTA: dns; [IPv6:fe80::1]\n',
    );
  });
});

describe('times', () => {
  const inZone = async (zone: string): Promise<string[]> => {
    const script = `import { localMailDate, localTime } from '${new URL('../../src/notices/times.ts', import.meta.url)}';
      console.log(localTime(${NOW})); console.log(localMailDate(${NOW}));`;
    const { stdout } = await runCommand(process.execPath, ['--input-type=module', '-e', script], {
      env: { TZ: zone },
    });
    return stdout.trim().split('\n');
  };

  test.each([
    ['Europe/Berlin', '2026-11-24 09:12:05 (UTC+01:00)', 'Tue, 24 Nov 2026 09:12:05 +0100'],
    ['America/St_Johns', '2026-11-24 04:42:05 (UTC-03:30)', 'Tue, 24 Nov 2026 04:42:05 -0330'],
    ['UTC', '2026-11-24 08:12:05 (UTC+00:00)', 'Tue, 24 Nov 2026 08:12:05 +0000'],
  ])('are those of %s, with the offset', async (zone, forPeople, forMail) => {
    expect(await inZone(zone)).toEqual([forPeople, forMail]);
  });

  test('can be read back', () => {
    expect(Date.parse(localMailDate(NOW))).toBe(NOW);
    expect(localTime(NOW)).toContain('2026-11-24');
  });
});

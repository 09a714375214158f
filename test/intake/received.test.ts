/** The Received field: what it tells, and what never gets into it. */
import { describe, expect, test } from 'vitest';
import { mailDate, receivedField } from '../../src/intake/received.ts';

describe('the Received field', () => {
  const facts = {
    ...{
      hostname: 'scanferry.local',
      messageId: 'id1',
      date: mailDate(Date.UTC(2026, 10, 24, 8, 0, 0)),
      protocol: 'ESMTPS',
    },
    device: {
      ...{
        id: null,
        address: '192.168.50.21',
        greeting: 'XC-B8C463' as string | null,
        login: null,
        profile: null,
      },
      ...{ listener: 'x', tls: { protocol: 'TLSv1', cipher: 'AES128-SHA' } },
    },
  };

  test('names device, box, protocol, id, TLS and time', () => {
    expect(receivedField(facts)).toBe(
      'Received: from XC-B8C463 ([192.168.50.21])\r\n\tby scanferry.local (Scanferry) with ESMTPS id id1\r\n' +
        '\t(TLSv1 AES128-SHA);\r\n\tTue, 24 Nov 2026 08:00:00 +0000\r\n',
    );
  });

  test.each(['evil) by other', 'a\r\nX: y', '', null, '[not-an-address]'])(
    'never lets %j into the header',
    (greeting) => {
      const field = receivedField({ ...facts, device: { ...facts.device, greeting } });
      expect(field.split('\r\n')[0]).toBe('Received: from [192.168.50.21] ([192.168.50.21])');
    },
  );

  test('writes an IPv6 address as a literal', () => {
    const field = receivedField({ ...facts, device: { ...facts.device, address: 'fe80::1' } });
    expect(field).toContain('([IPv6:fe80::1])');
  });
});

test('writes dates as mail does', () => {
  expect(mailDate(Date.UTC(2026, 0, 2, 3, 4, 5))).toBe('Fri, 02 Jan 2026 03:04:05 +0000');
});

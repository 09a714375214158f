/** The header pass: what is added on top, and that nothing else changes. */
import { describe, expect, test } from 'vitest';
import { createHeaderPass } from '../../src/intake/header-pass.ts';
import { mailDate, receivedField } from '../../src/intake/received.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';

const OPTIONS = {
  received: 'Received: by box\r\n',
  date: 'Tue, 24 Nov 2026 08:00:00 +0000',
  messageId: '<new@box>',
  headerBytesMax: 1024,
};
const RECEIVED = OPTIONS.received;
const DATE = `Date: ${OPTIONS.date}\r\n`;
const ID = 'Message-ID: <new@box>\r\n';

function pass(chunks: (string | Buffer)[]): { text: string; messageId: string } {
  const header = createHeaderPass(OPTIONS);
  const out: Buffer[] = [];
  for (const chunk of chunks) out.push(...(header.write(Buffer.from(chunk as string)) ?? []));
  out.push(...header.end());
  return { text: Buffer.concat(out).toString('latin1'), messageId: header.messageId() };
}

const CASES: [string, string, string, string][] = [
  [
    'adds what is missing',
    'Subject: a\r\n\r\nbody\r\n',
    `${RECEIVED}${DATE}${ID}Subject: a\r\n\r\nbody\r\n`,
    '<new@box>',
  ],
  [
    'keeps Date and Message-ID',
    'date: x\r\nMESSAGE-ID: <o@d>\r\n\r\nb\r\n',
    `${RECEIVED}date: x\r\nMESSAGE-ID: <o@d>\r\n\r\nb\r\n`,
    '<o@d>',
  ],
  [
    'unfolds a folded Message-ID',
    'Date: x\r\nMessage-Id:\r\n <o@d>\r\n\r\n',
    `${RECEIVED}Date: x\r\nMessage-Id:\r\n <o@d>\r\n\r\n`,
    '<o@d>',
  ],
  [
    'replaces an empty Message-ID',
    'Message-ID: \r\nDate: x\r\n\r\nb',
    `${RECEIVED}${ID}Date: x\r\n\r\nb`,
    '<new@box>',
  ],
  [
    'parts a body without header by a blank line',
    'Hello there\r\nDate: no\r\n',
    `${RECEIVED}${DATE}${ID}\r\nHello there\r\nDate: no\r\n`,
    '<new@box>',
  ],
  [
    'parts a body that follows the header without a blank line',
    'Subject: a\r\nHello\r\n',
    `${RECEIVED}${DATE}${ID}Subject: a\r\n\r\nHello\r\n`,
    '<new@box>',
  ],
  [
    'ends the header of a message without a body',
    'Subject: a\r\n',
    `${RECEIVED}${DATE}${ID}Subject: a\r\n\r\n`,
    '<new@box>',
  ],
  ['makes a header for an empty message', '', `${RECEIVED}${DATE}${ID}\r\n`, '<new@box>'],
  [
    'leaves a body that begins at once as it is',
    '\r\nbody\r\n',
    `${RECEIVED}${DATE}${ID}\r\nbody\r\n`,
    '<new@box>',
  ],
  [
    'reads bare line feeds and leaves them',
    'Date: x\nMessage-ID: <o@d>\n\nb\n',
    `${RECEIVED}Date: x\nMessage-ID: <o@d>\n\nb\n`,
    '<o@d>',
  ],
  [
    'does not find a field inside the body',
    'Date: x\r\n\r\nMessage-ID: <b@d>\r\n',
    `${RECEIVED}${ID}Date: x\r\n\r\nMessage-ID: <b@d>\r\n`,
    '<new@box>',
  ],
];

describe('the header pass', () => {
  test.each(CASES)('%s', (_name, input, expected, messageId) => {
    expect(pass([input])).toEqual({ text: expected, messageId });
  });

  test('gives the same result however the message is cut into chunks', () => {
    const seed = seedFromEnvironment();
    const random = createRandom(seed);
    for (let round = 0; round < 200; round++) {
      const [, input, expected] = CASES[Math.floor(random() * CASES.length)] ?? ['', '', ''];
      const chunks: string[] = [];
      for (let at = 0; at < input.length; ) {
        const end = at + 1 + Math.floor(random() * 9);
        chunks.push(input.slice(at, end));
        at = end;
      }
      expect(pass(chunks).text, `seed ${seed}`).toBe(expected);
    }
  });

  test('passes body bytes through untouched, eight bits and NUL included', () => {
    const body = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
    const { text } = pass([Buffer.concat([Buffer.from('Date: x\r\nMessage-ID: <o@d>\r\n\r\n'), body])]);
    expect(text.slice(-1024)).toBe(body.toString('latin1'));
  });

  test('refuses a header over the limit and holds no more than that', () => {
    const header = createHeaderPass(OPTIONS);
    expect(header.write(Buffer.from(`X: ${'a'.repeat(900)}\r\n`))).toEqual([]);
    expect(header.write(Buffer.from(`X: ${'a'.repeat(900)}\r\n`))).toBeNull();
  });

  test('does not count the body against the limit of the header', () => {
    const header = createHeaderPass(OPTIONS);
    expect(header.write(Buffer.from(`Subject: a\r\n\r\n${'b'.repeat(5000)}`))).not.toBeNull();
  });
});

describe('the Received field', () => {
  const facts = {
    ...{
      hostname: 'scanferry.local',
      messageId: 'id1',
      receivedAt: Date.UTC(2026, 10, 24, 8, 0, 0),
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

/** The repair pass: what a device leaves out or gets wrong is mended, and nothing else changes. */
import { describe, expect, test } from 'vitest';
import type { Repair } from '../../src/core/repairs.ts';
import { createRepairPass, type RepairOptions } from '../../src/intake/repair/repair-pass.ts';
import { buildScan, readCorpus } from '../support/corpus.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';

const OPTIONS: RepairOptions = {
  received: 'Received: by box\r\n',
  date: 'Tue, 24 Nov 2026 08:00:00 +0000',
  isClockSet: true,
  from: 'scanner@contoso.com',
  messageId: '<new@box>',
  headerBytesMax: 4096,
};
const RECEIVED = OPTIONS.received;
const DATE = `Date: ${OPTIONS.date}\r\n`;
const FROM = 'From: <scanner@contoso.com>\r\n';
const TO = 'To: undisclosed-recipients:;\r\n';
const ID = 'Message-ID: <new@box>\r\n';
/** Nothing is missing with it. */
const FULL = 'Date: x\r\nFrom: a@contoso.com\r\nTo: b@contoso.com\r\nMessage-ID: <o@d>\r\n';

interface Passed {
  text: string;
  messageId: string;
  repairs: readonly Repair[];
}

function pass(chunks: (string | Buffer)[], options: Partial<RepairOptions> = {}): Passed {
  const repair = createRepairPass({ ...OPTIONS, ...options });
  const out: Buffer[] = [];
  for (const chunk of chunks) {
    out.push(...(repair.write(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk) ?? []));
  }
  out.push(...(repair.end() ?? []));
  return {
    text: Buffer.concat(out).toString('latin1'),
    messageId: repair.messageId(),
    repairs: repair.repairs(),
  };
}

/** The bytes of a text in UTF-8, one character each. */
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

interface Row {
  name: string;
  sent: string;
  /** Without the Received field. */
  kept: string;
  repairs: Repair[];
  messageId?: string;
}

/** Rows about one field: the rest of the message is complete. */
function field(name: string, sent: string, kept: string, ...repairs: Repair[]): Row {
  const body = '\r\nbody\r\n';
  return { name, sent: `${FULL}${sent}\r\n${body}`, kept: `${FULL}${kept}\r\n${body}`, repairs };
}

/** Rows about the body. */
function body(name: string, sent: string, kept: string, ...repairs: Repair[]): Row {
  return { name, sent: `${FULL}\r\n${sent}`, kept: `${FULL}\r\n${kept}`, repairs };
}

const X = (count: number) => 'x'.repeat(count);
const WORDS = 'word '.repeat(300);

const ROWS: Row[] = [
  {
    name: 'adds everything that is missing',
    sent: 'Subject: a\r\n\r\nbody\r\n',
    kept: `${DATE}${FROM}${TO}${ID}Subject: a\r\n\r\nbody\r\n`,
    repairs: ['date', 'from', 'to', 'message-id'],
  },
  {
    name: 'makes a header for an empty message',
    sent: '',
    kept: `${DATE}${FROM}${TO}${ID}\r\n`,
    repairs: ['blank-line', 'date', 'from', 'to', 'message-id'],
  },
  {
    name: 'keeps what is there, in any case of letters',
    sent: 'date: x\r\nFROM: a@b\r\ncc: c@d\r\nMESSAGE-ID: <o@d>\r\n\r\nb\r\n',
    kept: 'date: x\r\nFROM: a@b\r\ncc: c@d\r\nMESSAGE-ID: <o@d>\r\n\r\nb\r\n',
    repairs: [],
    messageId: '<o@d>',
  },
  {
    name: 'takes out fields that must not be empty and are',
    sent: 'Date: \r\nFrom:\r\nTo: \r\nMessage-ID: \r\n\r\nb\r\n',
    kept: `${DATE}${FROM}${TO}${ID}\r\nb\r\n`,
    repairs: ['empty-fields', 'date', 'from', 'to', 'message-id'],
  },
  {
    name: 'takes an empty Message-ID beside a good one out, because two are refused upstream',
    sent: `${FULL}Message-ID:\r\n\r\nb\r\n`,
    kept: `${FULL}\r\nb\r\n`,
    repairs: ['empty-fields'],
    messageId: '<o@d>',
  },
  {
    name: 'reads a folded Message-ID',
    sent: `${FULL.replace('Message-ID: ', 'Message-Id:\r\n ')}\r\n`,
    kept: `${FULL.replace('Message-ID: ', 'Message-Id:\r\n ')}\r\n`,
    repairs: [],
    messageId: '<o@d>',
  },
  {
    name: 'parts a body without header by a blank line',
    sent: 'Hello there\r\nDate: no\r\n',
    kept: `${DATE}${FROM}${TO}${ID}\r\nHello there\r\nDate: no\r\n`,
    repairs: ['blank-line', 'date', 'from', 'to', 'message-id'],
  },
  {
    name: 'parts a body that follows the header without a blank line',
    sent: `${FULL}Hello\r\n`,
    kept: `${FULL}\r\nHello\r\n`,
    repairs: ['blank-line'],
  },
  { name: 'ends a header without a body', sent: FULL, kept: `${FULL}\r\n`, repairs: ['blank-line'] },
  {
    name: 'leaves a body that begins at once as it is',
    sent: '\r\nbody\r\n',
    kept: `${DATE}${FROM}${TO}${ID}\r\nbody\r\n`,
    repairs: ['date', 'from', 'to', 'message-id'],
  },
  body('does not look for fields inside the body', 'Bcc: a@b\r\n\r\n', 'Bcc: a@b\r\n\r\n'),
  {
    name: 'adds MIME-Version where Content fields stand without it',
    sent: `${FULL}Content-Type: text/plain\r\n\r\nb\r\n`,
    kept: `MIME-Version: 1.0\r\n${FULL}Content-Type: text/plain\r\n\r\nb\r\n`,
    repairs: ['mime-version'],
  },
  {
    name: 'turns CR CR LF into one line end, so that the header is not cut',
    sent: `${FULL}Subject: a\r\r\n\r\r\nb\r\r\n`,
    kept: `${FULL}Subject: a\r\n\r\nb\r\n`,
    repairs: ['line-ends'],
  },
  {
    name: 'turns bare line feeds into line ends, in header and body',
    sent: `${FULL}\r\na\nb\r\n`.replaceAll('\r\n', '\n'),
    kept: `${FULL}\r\na\r\nb\r\n`,
    repairs: ['line-ends'],
  },
  body('turns bare carriage returns into line ends', 'a\rb\r\rc\r\n', 'a\r\nb\r\n\r\nc\r\n', 'line-ends'),
  body('turns a run of carriage returns into line ends', 'a\r\r\r\r\nb\r', 'a\r\n\r\n\r\nb\r\n', 'line-ends'),
  body('takes NUL out', 'a\0b\0\r\0\n\0', 'ab\r\n', 'nul'),
  body('ends the last line', 'a', 'a\r\n', 'last-line'),

  field(
    'encodes UTF-8 in a subject',
    `Subject: ${utf8('Prüfbericht für Müller')} today`,
    'Subject: =?utf-8?B?UHLDvGZiZXJpY2h0IGbDvHIgTcO8bGxlcg==?= today',
    'header-utf-8',
  ),
  field(
    'reads what is no UTF-8 as Windows-1252',
    'Subject: Rechnung \x80 5 f\xfcr K\xfcche',
    `Subject: Rechnung =?utf-8?B?${Buffer.from('€ 5 für Küche').toString('base64')}?=`,
    'header-windows-1252',
  ),
  field(
    'encodes a name in quotes, and leaves the address',
    'Reply-To: "K\xfcche, 2. OG" <kitchen@contoso.com>, plain <p@contoso.com>',
    `Reply-To: =?utf-8?B?${Buffer.from('Küche, 2. OG').toString('base64')}?= <kitchen@contoso.com>, plain\r\n <p@contoso.com>`,
    'header-windows-1252',
  ),
  field(
    'encodes a bare name and a comment',
    'Reply-To: K\xfcche<k@contoso.com> (B\xfcro)',
    'Reply-To: =?utf-8?B?S8O8Y2hl?= <k@contoso.com> (=?utf-8?B?QsO8cm8=?=)',
    'header-windows-1252',
  ),
  field(
    'writes the domain of an address as every server takes it',
    `Reply-To: <anna@${utf8('bücher')}.example>`,
    'Reply-To: <anna@xn--bcher-kva.example>',
    'header-utf-8',
  ),
  {
    name: 'writes a file name as RFC 2231 wants it',
    sent: `${FULL}MIME-Version: 1.0\r\nContent-Disposition: attachment; filename="Pr\xfcfung (1).pdf"; size=3\r\n\r\n`,
    kept: `${FULL}MIME-Version: 1.0\r\nContent-Disposition: attachment;\r\n filename*=utf-8''Pr%C3%BCfung%20%281%29.pdf; size=3\r\n\r\n`,
    repairs: ['header-windows-1252'],
  },
  field(
    'puts a mark into what machines read',
    'References: <\xfc@x>',
    'References: <?@x>',
    'header-windows-1252',
  ),
  field(
    'folds what it encodes',
    `Subject: ${utf8('ä'.repeat(60))}`,
    [
      `Subject: =?utf-8?B?${Buffer.from('ä'.repeat(19)).toString('base64')}?=`,
      ` =?utf-8?B?${Buffer.from('ä'.repeat(19)).toString('base64')}?=`,
      ` =?utf-8?B?${Buffer.from('ä'.repeat(19)).toString('base64')}?=`,
      ` =?utf-8?B?${Buffer.from('ä'.repeat(3)).toString('base64')}?=`,
    ].join('\r\n'),
    'header-utf-8',
  ),
  field('keeps a header line of 998 characters', `X-A: ${X(993)}`, `X-A: ${X(993)}`),
  field('folds a longer one at the limit', `X-A: ${X(994)}`, `X-A:\r\n ${X(994)}`, 'header-folded'),
  field(
    'folds a list without blanks behind a comma',
    `Cc: ${'anna@contoso.com,'.repeat(60)}b@contoso.com`,
    `Cc:\r\n ${'anna@contoso.com,'.repeat(58)}\r\n ${'anna@contoso.com,'.repeat(2)}b@contoso.com`,
    'header-folded',
  ),

  body('keeps a line of 998 characters', `${X(998)}\r\n`, `${X(998)}\r\n`),
  body(
    'breaks base64 on a boundary of four',
    `${X(2000)}\r\nshort\r\n`,
    `${X(996)}\r\n${X(996)}\r\n${X(8)}\r\nshort\r\n`,
    'body-lines',
  ),
  body(
    'breaks text behind a space and loses none',
    `${WORDS}.\r\n`,
    `${WORDS.slice(0, 995)}\r\n${WORDS.slice(995)}.\r\n`,
    'body-lines',
  ),
  body(
    'breaks text without spaces at the limit',
    `${'-'.repeat(1500)}\r\n`,
    `${'-'.repeat(998)}\r\n${'-'.repeat(502)}\r\n`,
    'body-lines',
  ),
  body(
    'does not break inside a UTF-8 character',
    `-${utf8('€').repeat(400)}\r\n`,
    `-${utf8('€').repeat(332)}\r\n${utf8('€').repeat(68)}\r\n`,
    'body-lines',
  ),
  body(
    'does not break inside an escape',
    `${'-'.repeat(996)}=C3=BC${X(100)}\r\n`,
    `${'-'.repeat(996)}\r\n=C3=BC${X(100)}\r\n`,
    'body-lines',
  ),
  {
    name: 'breaks quoted-printable softly, so that nothing changes for the reader',
    sent: `${FULL}MIME-Version: 1.0\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\n${X(995)}=C3=BC${X(50)}\r\n`,
    kept: `${FULL}MIME-Version: 1.0\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\n${X(995)}=\r\n=C3=BC${X(50)}\r\n`,
    repairs: ['body-lines'],
  },
];

/** Pieces of one to `most` bytes. */
function cut(text: string, random: () => number, most: number): string[] {
  const chunks: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = at + 1 + Math.floor(random() * most);
    chunks.push(text.slice(at, end));
    at = end;
  }
  return chunks;
}

describe('the repair pass', () => {
  test.each(ROWS)('$name', ({ sent, kept, repairs, messageId }) => {
    const result = pass([sent]);
    expect(result.text).toBe(RECEIVED + kept);
    expect(result.repairs).toEqual(repairs);
    if (messageId !== undefined) expect(result.messageId).toBe(messageId);
  });

  test('gives the same result however the message is cut into chunks', () => {
    const seed = seedFromEnvironment();
    const random = createRandom(seed);
    for (const { name, sent, kept, repairs } of ROWS) {
      for (const most of [1, 9, 200]) {
        const result = pass(cut(sent, random, most));
        expect(result.text, `${name}, seed ${seed}`).toBe(RECEIVED + kept);
        expect(result.repairs.toSorted(), `${name}, seed ${seed}`).toEqual(repairs.toSorted());
      }
    }
  });

  test('mends any bytes so that every line ends with CRLF, fits, and holds no NUL', () => {
    const seed = seedFromEnvironment();
    const random = createRandom(seed);
    const pieces = [
      '\r',
      '\n',
      '\r\n',
      '\0',
      '.',
      X(997),
      ' ',
      '=C3',
      'Subject: ',
      '\xfc',
      'a:b',
      '\r\n\r\n',
    ];
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: 40 }, () => pieces[Math.floor(random() * pieces.length)]).join('');
      const whole = pass([text], { headerBytesMax: 1_000_000 });
      const lines = whole.text.split('\r\n');
      expect(lines.pop(), `seed ${seed}`).toBe('');
      for (const line of lines) {
        expect(line, `seed ${seed}`).not.toMatch(/[\r\n\0]/);
        expect(line.length, `seed ${seed}`).toBeLessThanOrEqual(998);
      }
      expect(pass(cut(text, random, 50), { headerBytesMax: 1_000_000 }).text, `seed ${seed}`).toBe(
        whole.text,
      );
      // What has been mended needs no more mending.
      const again = pass([whole.text.slice(RECEIVED.length)], { headerBytesMax: 1_000_000 });
      expect(again.text, `seed ${seed}`).toBe(whole.text);
    }
  });

  test('leaves the corpus and a scan as they are, but for eight bits in a header', async () => {
    const scan = { name: 'scan', bytes: buildScan({ seed: 'repair', pdfBytes: 300_000 }) };
    for (const { name, bytes } of [...(await readCorpus()), scan]) {
      const { text, repairs } = pass([bytes]);
      const sent = bytes.toString('latin1');
      const bodyAt = (message: string) => message.indexOf('\r\n\r\n');
      if (name === 'eight-bit') {
        expect(repairs).toEqual(['header-windows-1252']);
        expect(text.slice(bodyAt(text))).toBe(sent.slice(bodyAt(sent)));
      } else {
        expect(text.startsWith(RECEIVED + sent), name).toBe(true);
        expect(repairs.filter((repair) => repair !== 'last-line' && repair !== 'blank-line')).toEqual([]);
      }
    }
  });

  test('hands a clean chunk of the body on without copying its lines', () => {
    const repair = createRepairPass(OPTIONS);
    repair.write(Buffer.from(`${FULL}\r\n`));
    const chunk = Buffer.from(`${'QUJD'.repeat(19)}\r\n`.repeat(800));
    const out = repair.write(chunk)?.filter(({ length }) => length > 0);
    expect(out).toHaveLength(1);
    expect(out?.[0]?.buffer).toBe(chunk.buffer);
  });

  test('says that a date is a guess while the clock is not set', () => {
    expect(pass([FULL.replace('Date: x\r\n', '')], { isClockSet: false }).repairs).toContain(
      'date-unset-clock',
    );
  });

  test('refuses a header over the limit and holds no more than that', () => {
    const repair = createRepairPass({ ...OPTIONS, headerBytesMax: 1024 });
    expect(repair.write(Buffer.from(`X: ${X(900)}\r\n`))).toEqual([]);
    expect(repair.write(Buffer.from(`X: ${X(900)}\r\n`))).toBeNull();
  });

  test('refuses a header that grows over the limit by its repairs', () => {
    const repair = createRepairPass({ ...OPTIONS, headerBytesMax: 1024 });
    const subject = Buffer.from(`Subject: ${'\xfc'.repeat(800)}\r\n`, 'latin1');
    expect(repair.write(subject)).toEqual([]);
    expect(repair.end()).toBeNull();
  });

  test.each([
    ['opening quotes', 'To: \xfc', '"\\'],
    ['opening brackets', 'To: \xfc', '<('],
    ['blanks', 'Subject: \xfc', ' '],
    ['parameters', 'Content-Type: \xfc', ';a="\\'],
    ['letters', 'Subject: ', '\xfc'],
    ['escapes', 'X: ', '\xfc '],
  ])('takes no long time over a header full of %s', (_name, start, filling) => {
    const startedAt = performance.now();
    pass([`${start}${filling.repeat(120_000 / filling.length)}\r\n\r\n`], { headerBytesMax: 1_000_000 });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test('does not count the body against the limit of the header', () => {
    const repair = createRepairPass({ ...OPTIONS, headerBytesMax: 1024 });
    expect(repair.write(Buffer.from(`Subject: a\r\n\r\n${'b\r\n'.repeat(5000)}`))).not.toBeNull();
  });
});

/** The changes a route makes to a header. */
import { expect, test } from 'vitest';
import type { SenderRewrite } from '../../src/core/message.ts';
import { findHeaderEnd, parseHeader, renderHeader } from '../../src/routes/header.ts';
import {
  type SenderRule,
  shapeAs,
  shapeForMailbox,
  shapeForMx,
  shapePlain,
} from '../../src/routes/rewrite.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { message } from './bench.ts';

const MAILBOX = 'scanner@contoso.com';
const lines = (...all: string[]) => Buffer.from(`${all.join('\r\n')}\r\n`, 'latin1');

function shape(block: Buffer, options: Partial<SenderRule> & { sender?: string } = {}) {
  const { sender = MAILBOX, ...rule } = options;
  const shaped = shapeForMailbox(block, sender, { mailbox: MAILBOX, mode: 'if-needed', sendAs: [], ...rule });
  return { sender: shaped.sender, header: shaped.header.toString('latin1').split('\r\n').slice(0, -1) };
}

test('leaves a sender alone that is the mailbox', () => {
  const block = lines('Subject: s', 'From: "Copier 2F" <Scanner@Contoso.COM>');
  expect(shape(block)).toEqual({ sender: MAILBOX, header: block.toString().split('\r\n').slice(0, -1) });
});

test.each([
  ['an address', ['boss@contoso.com']],
  ['a domain', ['contoso.com']],
])('leaves a sender alone that sendAs names by %s', (_name, sendAs) => {
  const { sender, header } = shape(lines('From: boss@contoso.com'), { sender: 'boss@contoso.com', sendAs });
  expect([sender, header]).toEqual(['boss@contoso.com', ['From: boss@contoso.com']]);
});

test('rewrites both when only the envelope sender is foreign', () => {
  const { sender, header } = shape(lines(`From: <${MAILBOX}>`), { sender: 'x@y.z' });
  expect([sender, header]).toEqual([MAILBOX, [`From: <${MAILBOX}>`]]);
});

test('rewrites both when only the author is foreign', () => {
  const { sender, header } = shape(lines('From: x@y.z'));
  expect([sender, header]).toEqual([MAILBOX, [`From: "x@y.z" <${MAILBOX}>`, 'Reply-To: <x@y.z>']]);
});

test('counts the null sender as foreign', () => {
  expect(shape(lines(`From: <${MAILBOX}>`), { sender: '' }).sender).toBe(MAILBOX);
});

test('leaves an author alone that the mailbox may send as when only the envelope has no sender', () => {
  const sendAs = ['it@contoso.com'];
  const { sender, header } = shape(lines('From: <it@contoso.com>'), { sender: '', sendAs });
  expect([sender, header]).toEqual([MAILBOX, ['From: <it@contoso.com>']]);
});

test.each([
  ['of a notice is its author without a certificate', 'notice', false, 'it@contoso.com'],
  ['of a notice stays null where the certificate says who sends', 'notice', true, ''],
  ['of a message stays as the device gave it', undefined, false, ''],
] as const)('to the MX, the null sender %s', (_name, origin, hasCertificate, expected) => {
  const { head } = message({ sender: '' });
  const shaped = shapeForMx(
    lines('From: "IT" <it@contoso.com>'),
    { ...head, ...(origin ? { origin } : {}) },
    { hasCertificate },
  );
  expect(shaped.sender).toBe(expected);
});

test('off changes nothing but Bcc', () => {
  const { sender, header } = shape(lines('From: x@y.z', 'Bcc: a@b.c'), { mode: 'off', sender: 'x@y.z' });
  expect([sender, header]).toEqual(['x@y.z', ['From: x@y.z']]);
});

test('always puts the mailbox in, and no Reply-To to itself', () => {
  expect(shape(lines(`From: Copier <${MAILBOX}>`), { mode: 'always' }).header).toEqual([
    `From: Copier <${MAILBOX}>`,
  ]);
});

test.each([
  ['a plain name', 'From: Copier 2F <x@y.z>', `From: Copier 2F <${MAILBOX}>`],
  ['a quoted name', 'From: "Copier, 2F \\"A\\"" <x@y.z>', `From: "Copier, 2F \\"A\\"" <${MAILBOX}>`],
  ['an encoded name', 'From: =?utf-8?Q?B=C3=BCro?= <x@y.z>', `From: =?utf-8?Q?B=C3=BCro?= <${MAILBOX}>`],
  ['a folded field', 'From: "Copier"\r\n\t<x@y.z>', `From: Copier <${MAILBOX}>`],
  ['an 8-bit name', 'From: B\xfcro <x@y.z>', `From: "B\xfcro" <${MAILBOX}>`],
  ['a bare address', 'from:x@y.z', `From: "x@y.z" <${MAILBOX}>`],
  ['space before the colon', 'From : Copier <x@y.z>', `From: Copier <${MAILBOX}>`],
])('keeps %s as the display name', (_name, field, expected) => {
  expect(shape(lines('Subject: s', field, 'To: a@b.c')).header).toEqual([
    'Subject: s',
    expected,
    'Reply-To: <x@y.z>',
    'To: a@b.c',
  ]);
});

test.each([
  ['no address', 'From: Copier'],
  ['nothing', 'From:'],
  ['an address without a domain', 'From: <copier>'],
])('tolerates a From with %s', (_name, field) => {
  const { sender, header } = shape(lines(field));
  expect(sender).toBe(MAILBOX);
  expect(header).toHaveLength(1);
  expect(header[0]).toMatch(/^From: .*<scanner@contoso\.com>$/);
});

test('adds a From where there is none', () => {
  const { header } = shape(lines('Subject: s'), { sender: 'x@y.z' });
  expect(header).toEqual([`From: "x@y.z" <${MAILBOX}>`, 'Reply-To: <x@y.z>', 'Subject: s']);
});

test('makes one From of several, and drops a Sender beside it', () => {
  const block = lines('From: A <a@y.z>', 'Sender: s@y.z', 'From: B <b@y.z>', 'Subject: s');
  expect(shape(block).header).toEqual([`From: A <${MAILBOX}>`, 'Reply-To: <a@y.z>', 'Subject: s']);
});

test('keeps a Reply-To that is there', () => {
  const block = lines('Reply-To: office@contoso.com', 'From: x@y.z');
  expect(shape(block).header).toEqual(['Reply-To: office@contoso.com', `From: "x@y.z" <${MAILBOX}>`]);
});

test('never lets a name start a field of its own', () => {
  const { header } = shape(lines('From: "A\r\n B: injected\r\n\tC" <x@y.z>'));
  expect(header.filter((line) => /^(B|C)/.test(line))).toEqual([]);
});

test('takes Bcc out on every way, folded lines included', () => {
  const block = lines('To: a@b.c', 'BCC: x@y.z,', '\tmore@y.z', 'Resent-Bcc: z@y.z', 'Subject: s');
  expect(shapePlain(block, 'x').header.toString()).toBe('To: a@b.c\r\nSubject: s\r\n');
});

test('the sender that the config gives a device wins on every way', () => {
  const head = { ...message().head, sender: 'x@y.z' };
  const given = { ...head, device: { ...head.device, from: 'copier@contoso.com' } };
  const rule: SenderRule = { mailbox: MAILBOX, mode: 'off', sendAs: [] };
  for (const shaped of [
    shapeAs(lines('From: A <x@y.z>'), given, null),
    shapeAs(lines('From: A <x@y.z>'), given, rule),
  ]) {
    expect(shaped.sender).toBe('copier@contoso.com');
    expect(shaped.header.toString()).toBe('From: A <copier@contoso.com>\r\nReply-To: <x@y.z>\r\n');
  }
  expect(shapeAs(lines('From: A <x@y.z>'), head, null).sender).toBe('x@y.z');
});

test('the mode that the config gives a device wins over the one of the route', () => {
  const { head } = message();
  const block = lines('From: A <x@y.z>');
  const shapedBy = (device: SenderRewrite | null, route: SenderRewrite) =>
    shapeAs(
      block,
      {
        ...head,
        sender: 'x@y.z',
        device: { ...head.device, ...(device === null ? {} : { rewriteSender: device }) },
      },
      { mailbox: MAILBOX, mode: route, sendAs: ['y.z'] },
    ).sender;
  expect(shapedBy('off', 'always')).toBe('x@y.z');
  expect(shapedBy('if-needed', 'always')).toBe('x@y.z');
  expect(shapedBy('always', 'off')).toBe(MAILBOX);
  expect(shapedBy(null, 'always')).toBe(MAILBOX);
  expect(shapedBy(null, 'if-needed')).toBe('x@y.z');
});

test('finds the end of a header', () => {
  expect(findHeaderEnd(Buffer.from('A: b\r\n\r\nbody'))).toBe(6);
  expect(findHeaderEnd(Buffer.from('\r\nbody'))).toBe(0);
  expect(findHeaderEnd(Buffer.from('A: b\r\n'))).toBeNull();
});

test('puts any header together as it was', () => {
  const seed = seedFromEnvironment();
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const pick = (count: number) => Math.floor(random() * count);
  const pieces = [
    'A: b',
    ' folded',
    '\tfolded',
    'no field',
    ': ',
    'From x',
    '\xff\x80: \xe4',
    'X:',
    '=?u?q?x?=',
  ];
  for (let round = 0; round < 500; round++) {
    const count = 1 + pick(8);
    const block = lines(...Array.from({ length: count }, () => pieces[pick(pieces.length)] ?? ''));
    expect(renderHeader(parseHeader(block)).toString('latin1')).toBe(block.toString('latin1'));
  }
});

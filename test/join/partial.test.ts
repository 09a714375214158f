/** Which headers are taken for parts, and what joining makes of two headers. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { partialFacts } from '../../src/core/message-partial.ts';
import { assemble, NotJoinable } from '../../src/join/assemble.ts';
import { type Part, wholeOf } from '../../src/join/waiting.ts';

function read(value: string) {
  return partialFacts([{ name: 'content-type', raw: `Content-Type: ${value}\r\n` }]);
}

test.each([
  ['message/partial; id="ABC@host.com"; number=1; total=3', { id: 'ABC@host.com', number: 1, total: 3 }],
  ['Message/Partial; number=2;\r\n\tid=oldpart', { id: 'oldpart', number: 2, total: null }],
  ['message/partial; total="3"; number="3"; id="a\\"b;c"', { id: 'a"b;c', number: 3, total: 3 }],
])('%s is a part', (value, facts) => {
  expect(read(value)).toEqual(facts);
});

test.each([
  'multipart/mixed; boundary=message/partial',
  'message/partial; number=1; total=2',
  'message/partial; id=a; number=0; total=2',
  'message/partial; id=a; number=3; total=2',
  'message/partial; id=a; number=1; total=1000000000',
  'message/partial; id=a; number=-1; total=2',
  'message/partial; id=a; number=1; total=x',
  `message/partial; id="${'a'.repeat(5000)}"; number=1; total=2`,
])('%s is none', (value) => {
  expect(read(value)).toBeNull();
});

const part = (number: number, total: number | null): Part => ({
  ...{ id: 'a', number, total, message: `m${number}`, device: 'd', sender: '', recipients: [] },
  ...{ bodyBytes: 1, receivedAt: 0 },
});

test.each([
  ['no total yet', [part(1, null), part(2, null)]],
  ['one is missing', [part(1, 3), part(3, 3)]],
  ['totals that disagree', [part(1, 2), part(2, 3)]],
  ['a part beyond the total', [part(1, 2), part(2, 2), part(3, null)]],
])('is not whole: %s', (_why, parts) => {
  expect(wholeOf(parts)).toBeNull();
});

/** The example of RFC 2046 5.2.2.1, in other words. */
test('takes each field from the header that the RFC names', async () => {
  const texts = [
    'X-Weird: kept\r\nFrom: a@contoso.com\r\nSubject: outer\r\nMessage-ID: <outer@x>\r\nContent-Type: message/partial\r\nMIME-Version: 1.0\r\n\r\n' +
      'X-Weird: dropped\r\nMessage-ID: <inner@x>\r\nSubject: inner\r\nContent-Type: text/plain\r\n\r\nfirst half\r\n',
    'From: other@contoso.com\r\nMessage-ID: <2@x>\r\nContent-Type: message/partial\r\n\r\nsecond half\r\n',
  ];
  const open = texts.map((text) => async () => Readable.from([Buffer.from(text)]));
  const { chunks, messageId } = assemble(open, '<fallback@x>');
  expect((await buffer(chunks)).toString()).toBe(
    'X-Weird: kept\r\nFrom: a@contoso.com\r\nMessage-ID: <inner@x>\r\nSubject: inner\r\nContent-Type: text/plain\r\nMIME-Version: 1.0\r\n\r\n' +
      'first half\r\nsecond half\r\n',
  );
  expect(messageId()).toBe('<inner@x>');
});

test('reads headers and bodies that come byte by byte', async () => {
  const text = 'A: b\r\nContent-Type: message/partial\r\n\r\nContent-Type: text/plain\r\n\r\nbody\r\n';
  const open = async () => Readable.from([...Buffer.from(text)].map((byte) => Buffer.from([byte])));
  const { chunks, messageId } = assemble([open], '<fallback@x>');
  expect((await buffer(chunks)).toString()).toBe(
    'A: b\r\nContent-Type: text/plain\r\nMessage-ID: <fallback@x>\r\nMIME-Version: 1.0\r\n\r\nbody\r\n',
  );
  expect(messageId()).toBe('<fallback@x>');
});

test('refuses a first part that encloses no header', async () => {
  const open = async () => Readable.from([Buffer.from('A: b\r\n\r\njust text without any field\r\n')]);
  await expect(buffer(assemble([open], '<f@x>').chunks)).rejects.toThrow(NotJoinable);
});

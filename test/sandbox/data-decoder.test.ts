/** The decoder of DATA against every way of cutting a stream into chunks. */
import { expect, test } from 'vitest';
import { createDataDecoder } from '../../src/sandbox/data-decoder.ts';
import { stuffDots } from '../../src/sandbox/device.ts';

function decode(chunks: Buffer[]): { body: string; rest: string | null } {
  const decoder = createDataDecoder();
  const slices: Buffer[] = [];
  const rests: Buffer[] = [];
  let isOver = false;
  for (const chunk of chunks) {
    if (isOver) rests.push(chunk);
    else {
      const rest = decoder.push(chunk, (slice) => slices.push(Buffer.from(slice)));
      if (rest !== null) {
        isOver = true;
        rests.push(rest);
      }
    }
  }
  const text = (parts: Buffer[]) => Buffer.concat(parts).toString('latin1');
  return { body: text(slices), rest: isOver ? text(rests) : null };
}

test.each([
  ['an empty body', '.\r\n', '', ''],
  ['a body', 'a\r\n.\r\nQUIT\r\n', 'a\r\n', 'QUIT\r\n'],
  ['dots', '..\r\n...a\r\n. b\r\n.\r\n', '.\r\n..a\r\n b\r\n', ''],
  ['a dot in the middle', 'a.\r\n.\r\n', 'a.\r\n', ''],
  ['laxer ends', 'a\n.\nb\r.\rc\n.\r\nd\r\n.\ne\r\n.\r\n', 'a\n.\nb\r.\rc\n.\r\nd\r\n\ne\r\n', ''],
])('reads %s, however it is cut', (_name, wire, body, rest) => {
  const bytes = Buffer.from(wire, 'latin1');
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const chunks = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
      expect(decode(chunks)).toEqual({ body, rest });
    }
  }
});

test('goes on while the end has not come', () => {
  expect(decode([Buffer.from('a\r\n.')]).rest).toBeNull();
  expect(decode([Buffer.from('a\n.\n')]).rest).toBeNull();
});

test('undoes what a device stuffs, in random chunks', async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`SEED=${seed}`);
  let state = seed | 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 300; round++) {
    const body = `${Array.from({ length: random(40) }, () => ['.', '\r\n', 'a'][random(3)]).join('')}\r\n`;
    const parts = body.match(/[\s\S]{1,3}/g) ?? [];
    const stuffed: Buffer[] = [];
    for await (const piece of stuffDots(source(parts))) stuffed.push(piece);
    expect(decode([...stuffed, Buffer.from('.\r\n')])).toEqual({ body, rest: '' });
  }
});

async function* source(parts: string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

/** The cipher of backups: what goes in comes out, and nothing else is believed. */
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { opened, sealed } from '../../src/backup/cipher.ts';

async function* pieces(bytes: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const CHUNK = 64 * 1024;
const seal = (clear: Buffer, size = 10_000) => buffer(sealed(pieces(clear, size), 'correct horse'));
const open = (file: Buffer, passphrase = 'correct horse', size = 7777) =>
  buffer(opened(pieces(file, size), passphrase));

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'opened';
  } catch (error) {
    return (error as { explanation?: { code: string } }).explanation?.code ?? String(error);
  }
}

test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 300_001])(
  '%i bytes come out as they went in',
  async (size) => {
    const clear = randomBytes(size);
    expect((await open(await seal(clear))).equals(clear)).toBe(true);
  },
);

test('the same passphrase in another Unicode form opens it', async () => {
  const file = await buffer(sealed(pieces(Buffer.from('x'), 1), 'Ger\u00e4t'));
  expect((await open(file, 'Gera\u0308t')).toString()).toBe('x');
});

test('nothing of the content stands in the file', async () => {
  const file = await seal(Buffer.from('a client secret '.repeat(5000)));
  expect(file.includes('client secret')).toBe(false);
});

describe('is refused', () => {
  const clear = randomBytes(3 * CHUNK + 5);

  test('under another passphrase', async () => {
    expect(await codeOf(open(await seal(clear), 'wrong horse'))).toBe('backup.wrong-passphrase');
  });

  test('cut off, wherever it is, also between two chunks', async () => {
    const file = await seal(clear);
    const header = file.indexOf('\n') + 1;
    const sealedChunk = CHUNK + 16;
    for (const at of [header, header + 10, header + sealedChunk, header + 2 * sealedChunk, file.length - 1]) {
      expect(await codeOf(open(file.subarray(0, at)))).toMatch(/^backup\.(damaged|wrong-passphrase)$/);
    }
  });

  test('with one bit changed, in every part of it', async () => {
    const file = await seal(clear);
    const header = file.indexOf('\n') + 1;
    for (const at of [header + 3, header + CHUNK + 100, file.length - 3]) {
      const changed = Buffer.from(file);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(await codeOf(open(changed))).toMatch(/^backup\.(damaged|wrong-passphrase)$/);
    }
  });

  test('with two chunks in each other’s place', async () => {
    const file = await seal(clear);
    const header = file.indexOf('\n') + 1;
    const size = CHUNK + 16;
    const [one, two] = [0, 1].map((i) => file.subarray(header + i * size, header + (i + 1) * size));
    const swapped = Buffer.concat([
      ...[file.subarray(0, header), two ?? Buffer.alloc(0), one ?? Buffer.alloc(0)],
      file.subarray(header + 2 * size),
    ]);
    expect(await codeOf(open(swapped))).toBe('backup.wrong-passphrase');
  });

  test.each([
    ['an empty file', ''],
    ['another file', 'PK\u0003\u0004 and so on\n'],
    [
      'a header that asks for all memory there is',
      '{"format":"scanferry-backup","version":1,"kdf":{"logN":40,"r":8,"p":1,"salt":"AAAA"},"prefix":"AAAA"}\n',
    ],
    ['a line without an end', 'x'.repeat(100_000)],
  ])('%s', async (_what, text) => {
    expect(await codeOf(open(Buffer.from(text)))).toBe('backup.not-a-backup');
  });

  test('the file of a newer version', async () => {
    const text = (await seal(clear)).toString('latin1').replace('"version":1', '"version":2');
    expect(await codeOf(open(Buffer.from(text, 'latin1')))).toBe('backup.newer');
  });
});

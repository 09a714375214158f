/** Dot stuffing compared with nodemailer's own, byte for byte, at random cuts. */
import DataStream from 'nodemailer/lib/smtp-connection/data-stream.js';
import { describe, expect, test } from 'vitest';
import { stuffDots, stuffDotsNatively } from '../../src/routes/dot-stuffing.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';

/** Taken before anything replaces it. */
const reference = DataStream.prototype._transform;

/** What nodemailer makes of the chunks, without the final dot. */
function byNodemailer(chunks: readonly Buffer[]): string {
  const stream = new DataStream();
  const out: Buffer[] = [];
  stream.push = (bytes: Buffer) => out.push(bytes) > 0;
  for (const chunk of chunks) reference.call(stream, chunk, 'latin1', () => {});
  return Buffer.concat(out).toString('latin1');
}

function byUs(chunks: readonly Buffer[]): string {
  let last: number | false = false;
  const out = chunks.flatMap((chunk) => {
    const pieces = stuffDots(chunk, last);
    last = chunk.at(-1) ?? last;
    return pieces;
  });
  return Buffer.concat(out).toString('latin1');
}

function cut(text: string, random: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const size = 1 + Math.floor(random() * 9);
    chunks.push(Buffer.from(text.slice(at, at + size), 'latin1'));
    at += size;
  }
  return chunks;
}

describe('dots and line ends on their way into DATA', () => {
  test.each([
    ['a dot at the start of the message', '.a\r\n', '..a\r\n'],
    ['a line of one dot', 'a\r\n.\r\nb', 'a\r\n..\r\nb'],
    ['a bare LF', 'a\nb', 'a\r\nb'],
    ['a bare CR', 'a\rb', 'a\r\nb'],
    ['a dot between bare LFs', 'a\n.\nb', 'a\r\n..\r\nb'],
    ['a dot between bare CRs', 'a\r.\rb', 'a\r\n..\r\nb'],
    ['an empty message', '', ''],
  ])('%s', (_name, text, expected) => {
    expect(byUs(text === '' ? [] : [Buffer.from(text)])).toBe(expected);
  });

  test.each([
    ['whatever the text', [...'\r\n\r\n.ab']],
    ['where every line ends as it should', ['\r\n', '.', 'a', '\r\n.', '\r\n..']],
  ])('are the same as those of nodemailer, %s, whatever its cuts', (_name, alphabet) => {
    const seed = seedFromEnvironment();
    const random = createRandom(seed);
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: 40 }, () => alphabet[Math.floor(random() * alphabet.length)]).join(
        '',
      );
      const chunks = cut(text, random);
      expect(byUs(chunks), `seed ${seed}: ${JSON.stringify(chunks.map(String))}`).toBe(byNodemailer(chunks));
    }
  });
});

describe('the place inside nodemailer', () => {
  test('is as this version was written for; if this fails after an upgrade, see docs/decisions/0007', () => {
    expect(stuffDotsNatively()).toBe(true);
    expect(DataStream.prototype._transform).not.toBe(reference);
    // A second time it is tried on itself.
    expect(stuffDotsNatively()).toBe(true);
  });

  test.each([
    [
      'counts in another way',
      class extends DataStream {
        override _transform(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
          reference.call(this, chunk, encoding, done);
          this.outByteCount += 1;
        }
      },
    ],
    [
      'stuffs in another way',
      class extends DataStream {
        override _transform(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
          this.push(chunk);
          done();
        }
      },
    ],
  ])('is left alone where it %s', (_name, changed) => {
    const own = changed.prototype._transform;
    expect(stuffDotsNatively(changed)).toBe(false);
    expect(changed.prototype._transform).toBe(own);
  });

  test('is left alone where it is gone', () => {
    class Gone extends DataStream {}
    Object.defineProperty(Gone.prototype, '_transform', { value: undefined });
    expect(stuffDotsNatively(Gone)).toBe(false);
  });
});

/** The search for bytes that are no sound line end and for dots at line starts, beside regular expressions that say the same slowly. */
import { expect, test } from 'vitest';
import { lookAtLines } from '../../src/core/line-ends.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';

const UNSOUND = /\0|(?<!\r)\n|\r(?!\n)/;
/** Neighbours of CR, LF and NUL, and the same with the high bit. */
const NEAR = ['\x01', '\x09', '\x0b', '\x0c', '\x0e', '\x80', '\x8a', '\x8d', '\xff', 'A'];
const RARE = ['\r', '\n', '\0'];
const DOT = /\n\./;

const isSound = (bytes: Buffer) => lookAtLines(bytes).isSound;
const hasDot = (bytes: Buffer) => lookAtLines(bytes).hasDot;

test('text of whole lines is sound, wherever in memory it begins', () => {
  const text = 'a line of base64, say, whose length is no multiple of anything\r\n'.repeat(20);
  for (let offset = 0; offset < 8; offset++) {
    const memory = Buffer.alloc(text.length + 8);
    memory.write(text, offset, 'latin1');
    expect(isSound(memory.subarray(offset, offset + text.length))).toBe(true);
  }
});

test('a single unsound byte is found at each place of a text', () => {
  for (const byte of RARE) {
    for (let at = 0; at < 70; at++) {
      const bytes = Buffer.alloc(70, 'x');
      bytes.write(byte, at, 'latin1');
      expect(isSound(bytes), `${JSON.stringify(byte)} at ${at}`).toBe(false);
    }
  }
});

test('a dot behind an LF is found at each place of a text, and no dot that stands elsewhere', () => {
  for (let at = 0; at < 70; at++) {
    const bytes = Buffer.alloc(72, 'x');
    bytes.write('.', at + 1, 'latin1');
    expect(hasDot(bytes), `behind an x at ${at}`).toBe(false);
    bytes.write('\n', at, 'latin1');
    expect(hasDot(bytes), `behind an LF at ${at}`).toBe(true);
    bytes.write('\r', at, 'latin1');
    expect(hasDot(bytes), `behind a CR at ${at}`).toBe(false);
  }
});

/** As many bytes as the search takes at once. */
const PART = 65_536 - 32;

test('bytes on both sides of a cut between two parts of a large chunk are judged together', () => {
  for (let length = PART - 2; length <= PART + 2; length++) {
    const before = 'x'.repeat(length);
    const after = 'x'.repeat(2 * PART);
    const judge = (between: string) => isSound(Buffer.from(`${before}${between}${after}`, 'latin1'));
    expect(judge('\r\n'), `${length}`).toBe(true);
    expect(hasDot(Buffer.from(`${before}\n.${after}`)), `a dot behind ${length}`).toBe(true);
    for (const unsound of ['\r', '\n', '\n\r', '\r\r\n', '\0']) {
      expect(judge(unsound), `${JSON.stringify(unsound)} behind ${length}`).toBe(false);
    }
  }
});

test('what one chunk ended with is forgotten at the next', () => {
  expect(isSound(Buffer.from('line\r'))).toBe(false);
  expect(isSound(Buffer.from('\nline'))).toBe(false);
  expect(isSound(Buffer.from('line'))).toBe(true);
  expect(isSound(Buffer.alloc(0))).toBe(true);
  expect(hasDot(Buffer.from('line\n'))).toBe(false);
  expect(hasDot(Buffer.from('.line'))).toBe(false);
  expect(hasDot(Buffer.alloc(0))).toBe(false);
});

test('any bytes are judged as the regular expressions judge them', () => {
  const seed = seedFromEnvironment();
  console.log(`seed ${seed} (SEED=${seed} repeats it)`);
  const random = createRandom(seed);
  const oneOf = (values: readonly string[]) => values[Math.floor(random() * values.length)] ?? '';
  let sound = 0;
  let dotted = 0;
  for (let round = 0; round < 20_000; round++) {
    const rareness = random();
    const text = Array.from({ length: Math.floor(random() * 60) }, () => {
      if (random() < 0.1) return '\r\n';
      if (random() < 0.1) return '.';
      return rareness < 0.5 && random() < 0.03 ? oneOf(RARE) : oneOf(NEAR);
    }).join('');
    const memory = Buffer.concat([Buffer.alloc(Math.floor(random() * 8)), Buffer.from(text, 'latin1')]);
    const bytes = memory.subarray(memory.length - text.length);
    const expected = { isSound: !UNSOUND.test(text), hasDot: DOT.test(text) };
    expect(lookAtLines(bytes), JSON.stringify(text)).toEqual(expected);
    if (expected.isSound) sound++;
    if (expected.hasDot) dotted++;
  }
  expect(sound).toBeGreaterThan(5000);
  expect(sound).toBeLessThan(19_000);
  expect(dotted).toBeGreaterThan(2000);
  expect(dotted).toBeLessThan(18_000);
});

/** The small parts of a session on their own: first bytes, the end of DATA, deadlines, counters. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { lookAtLines } from '../../src/core/line-ends.ts';
import { release } from '../../src/core/release.ts';
import { createBoundedMap } from '../../src/intake/bounded-map.ts';
import { createWindowCounter } from '../../src/intake/counters.ts';
import { createDeadlines } from '../../src/intake/deadlines.ts';
import { isTlsHello } from '../../src/intake/first-bytes.ts';
import { createMessageText } from '../../src/intake/message-text.ts';
import { createUnfinished } from '../../src/intake/unfinished.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';

describe('the first bytes', () => {
  test.each([
    ['160301', true],
    ['16', true],
    ['802e01', true],
    ['80', true],
    ['802e02', false],
    ['45484c4f', false],
    ['0d0a', false],
    ['', false],
  ])('%s means a TLS hello: %s', (hex, expected) => {
    expect(isTlsHello(Buffer.from(hex, 'hex'))).toBe(expected);
  });
});

describe('the end of DATA', () => {
  const endOf = (chunks: string[]) => {
    const text = createMessageText(() => {});
    return chunks.map((chunk) => {
      const rest = text.take(Buffer.from(chunk));
      return rest === null ? -1 : chunk.length - rest.length;
    });
  };

  test.each([
    [['.\r\n'], [3]],
    [['a\r\n.\r\nQUIT'], [6]],
    [
      ['a\r\n', '.\r\n'],
      [-1, 3],
    ],
    [
      ['a\r', '\n', '.', '\r', '\nX'],
      [-1, -1, -1, -1, 1],
    ],
    [['..\r\n.\r\n'], [7]],
    [['a\n.\n'], [-1]],
    [['a\r\n.\n'], [-1]],
    [['a\n.\r\n'], [-1]],
    [['a\r\n.\rb'], [-1]],
    [
      ['\n', '.\r\n'],
      [-1, -1],
    ],
  ])('%j is found at %j', (chunks, expected) => {
    expect(endOf(chunks)).toEqual(expected);
  });
});

test('a message has the same text and the same end however its stream is cut, and its pieces can be freed', async () => {
  const seed = seedFromEnvironment();
  const random = createRandom(seed);
  for (let round = 0; round < 1000; round++) {
    const sent = `${Array.from({ length: 60 }, () => '\r\n.a'[Math.floor(random() * 4)]).join('')}z\r\n.\r\nQUIT`;
    // The stream begins at the start of a line; the end has five bytes, two of them text.
    const end = `\r\n${sent}`.indexOf('\r\n.\r\n');
    const expected = `\n${sent}`
      .slice(0, end + 1)
      .replaceAll('\n..', '\n.')
      .slice(1);
    const text = createMessageText(() => {});
    let read = '';
    const reading = (async () => {
      for await (const { bytes } of text.text) {
        read += bytes;
        release(bytes);
      }
    })();
    let rest: Buffer | null = null;
    let at = 0;
    while (rest === null) {
      const chunk = sent.slice(at, at + 1 + Math.floor(random() * 7));
      // Memory of its own, as a socket gives it.
      const bytes = Buffer.allocUnsafeSlow(chunk.length);
      bytes.write(chunk, 'latin1');
      rest = text.take(bytes);
      at += chunk.length;
      while (rest === null && !text.isWanted()) await nextTurn();
    }
    await reading;
    expect(read, `seed ${seed}: ${JSON.stringify(sent)}`).toBe(expected);
    expect(rest.toString() + sent.slice(at), `seed ${seed}`).toBe(sent.slice(end + 3));
  }
});

test('text that comes as whole lines is called sound, however its stream is cut, and no other text is', async () => {
  const seed = seedFromEnvironment();
  const random = createRandom(seed);
  let soundBytes = 0;
  let allBytes = 0;
  for (let round = 0; round < 1000; round++) {
    const unsound = ['\r', '\n', '\0'][Math.floor(random() * 3)];
    const line = () => {
      if (round % 2 === 1 && random() < 0.2) return `a${unsound}b\r\n`;
      return random() < 0.2 ? '..stuffed\r\n' : 'abcdef\r\n';
    };
    const sent = `${Array.from({ length: 10 }, line).join('')}.\r\n`;
    const text = createMessageText(() => {});
    for (let at = 0; at < sent.length; ) {
      const chunk = sent.slice(at, at + 1 + Math.floor(random() * 30));
      text.take(Buffer.from(chunk));
      at += chunk.length;
    }
    let sound = '';
    for await (const piece of text.text) {
      // Pieces that are sound one by one have to be sound together, too.
      sound = piece.isSound ? sound + piece.bytes : '';
      expect(lookAtLines(Buffer.from(sound)).isSound, `seed ${seed}: ${JSON.stringify(sent)}`).toBe(true);
      if (round % 2 === 0) allBytes += piece.bytes.length;
      if (round % 2 === 0 && piece.isSound) soundBytes += piece.bytes.length;
    }
  }
  // Not those behind which a line end is cut in two.
  expect(soundBytes / allBytes, `seed ${seed}`).toBeGreaterThan(0.75);
});

describe('the deadlines', () => {
  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  const setUp = () => {
    const clock = createFakeClock();
    const expired: string[] = [];
    const deadlines = createDeadlines(clock, LIMITS, (code) => expired.push(code));
    return { clock, expired, deadlines };
  };

  test('cuts a silent device after the command limit', async () => {
    const { clock, expired, deadlines } = setUp();
    deadlines.enter('command');
    await clock.advance(LIMITS.commandIdleMaxMs - 1);
    expect(expired).toEqual([]);
    await clock.advance(1);
    expect(expired).toEqual(['intake.command-timeout']);
  });

  test('gives no more time to a command that comes byte by byte', async () => {
    const { clock, expired, deadlines } = setUp();
    deadlines.enter('command');
    for (let i = 0; i < 10; i++) {
      await clock.advance(MINUTE / 2);
      deadlines.received(1);
    }
    expect(expired).toEqual(['intake.command-timeout']);
  });

  test('does not count the time in which the box owes a reply', async () => {
    const { clock, expired, deadlines } = setUp();
    deadlines.enter('reply');
    await clock.advance(60 * MINUTE);
    expect(expired).toEqual([]);
  });

  test('cuts DATA below the minimum rate after the first minute', async () => {
    const { clock, expired, deadlines } = setUp();
    deadlines.enter('data');
    for (let i = 0; i < 60; i++) {
      await clock.advance(SECOND);
      deadlines.received(10);
    }
    expect(expired).toEqual([]);
    for (let i = 0; i < 10; i++) {
      await clock.advance(SECOND);
      deadlines.received(10);
    }
    expect(expired).toEqual(['intake.data-too-slow']);
  });

  test('lets a device pause in DATA while it scans the next page', async () => {
    const { clock, expired, deadlines } = setUp();
    deadlines.enter('data');
    for (let page = 0; page < 10; page++) {
      deadlines.received(80_000);
      await clock.advance(3 * MINUTE);
    }
    expect(expired).toEqual([]);
  });

  test('does not let a trickle pay for a second long pause', async () => {
    const { clock, expired, deadlines } = setUp();
    deadlines.enter('data');
    await clock.advance(9 * MINUTE);
    deadlines.received(1);
    await clock.advance(9 * MINUTE);
    deadlines.received(1);
    await clock.advance(2 * MINUTE);
    expect(expired).toEqual(['intake.data-too-slow']);
  });

  test('cuts DATA after the longest pause', async () => {
    const { clock, expired, deadlines } = setUp();
    deadlines.enter('data');
    deadlines.received(1_000_000);
    await clock.advance(LIMITS.dataIdleMaxMs);
    expect(expired).toEqual(['intake.data-timeout']);
  });

  test('ends every session in the end, whatever the device does', async () => {
    const { clock, expired, deadlines } = setUp();
    for (let i = 0; i < 121; i++) {
      deadlines.enter('command');
      await clock.advance(MINUTE);
    }
    expect(expired).toEqual(['intake.session-timeout']);
  });

  test('leaves no timer behind', () => {
    const { clock, deadlines } = setUp();
    deadlines.enter('data');
    deadlines.stop();
    expect(clock.pendingTimers()).toBe(0);
  });
});

describe('the window counter', () => {
  test('forgets after two windows, and slides in between', async () => {
    const clock = createFakeClock();
    const counter = createWindowCounter(clock, 1000);
    for (let i = 0; i < 10; i++) counter.add('a');
    expect(counter.count('a')).toBe(10);
    await clock.advance(1500);
    expect(counter.count('a')).toBe(5);
    await clock.advance(500);
    expect(counter.count('a')).toBe(0);
  });
});

test('unfinished messages are kept up to a limit for each device, and again later', async () => {
  const clock = createFakeClock();
  const unfinished = createUnfinished({ clock, log: createQuietLog(), spool: { record: async () => {} } });
  const kept = Array.from({ length: LIMITS.unfinishedKeptMax + 5 }, () => unfinished.mayKeep('copier'));
  expect(kept.filter(Boolean)).toHaveLength(LIMITS.unfinishedKeptMax);
  expect(unfinished.mayKeep('another')).toBe(true);
  await clock.advance(2 * LIMITS.messageRateWindowMs);
  expect(unfinished.mayKeep('copier')).toBe(true);
});

test('a bounded map drops its oldest entry', () => {
  const map = createBoundedMap<number>(2);
  map.set('a', 1);
  map.set('b', 2);
  map.set('a', 3);
  map.set('c', 4);
  expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([3, undefined, 4]);
});

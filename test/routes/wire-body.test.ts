/** How a body leaves: a short one in one piece, a long one as it comes. */
import { Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { openWireBody, type WireBody } from '../../src/routes/wire-body.ts';
import { SCAN } from './bench.ts';

const HEADER_BYTES = SCAN.indexOf('\r\n\r\n') + 2;

function open(text: string, chunks: number): Promise<WireBody> {
  const bytes = Buffer.from(text);
  const size = Math.ceil(bytes.length / chunks);
  const slices = Array.from({ length: chunks }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
  return openWireBody(Readable.from(slices, { objectMode: false }), bytes.length);
}

/** The writes that reach the other side, each with whether it was said to belong together. */
async function written(
  body: WireBody,
  mayEnd: (writes: readonly unknown[]) => Promise<boolean> = async () => true,
): Promise<{ text: string; isTogether: boolean }[]> {
  const writes: { text: string; isTogether: boolean }[] = [];
  let isTogether = false;
  const together = (write: () => void) => {
    isTogether = true;
    write();
    isTogether = false;
  };
  const ended = Promise.withResolvers<void>();
  const target = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writes.push({ text: chunk.toString(), isTogether });
      done();
    },
    final(done) {
      ended.resolve();
      done();
    },
  });
  body
    .text({
      ...{ moved: () => {}, isWanted: async () => true, flushed: async () => false, together },
      mayEnd: () => mayEnd(writes),
    })
    .pipe(target);
  await ended.promise;
  return writes;
}

test.each([1, 2, 7])('a short body that came in %i chunks leaves in one piece', async (chunks) => {
  const body = await open(SCAN, chunks);
  expect(body.header.toString()).toBe(SCAN.slice(0, HEADER_BYTES));
  expect(body.isComplete()).toBe(false);
  expect(await written(body)).toEqual([{ text: SCAN, isTogether: true }]);
  expect(body.isComplete()).toBe(true);
});

test('a short body leaves with the header that it was given', async () => {
  const body = await open(SCAN, 1);
  body.setHeader(Buffer.from('Subject: another\r\n'));
  const text = `Subject: another\r\n${SCAN.slice(HEADER_BYTES)}`;
  expect(await written(body)).toEqual([{ text, isTogether: true }]);
});

test('a body that nobody took is whole for the next attempt', async () => {
  const body = await open(SCAN, 1);
  body.text({
    moved: () => {},
    isWanted: async () => true,
    mayEnd: async () => true,
    flushed: async () => false,
    together: (write) => write(),
  });
  expect(body.isComplete()).toBe(false);
  expect(await written(body)).toEqual([{ text: SCAN, isTogether: true }]);
});

test('a long body leaves as it comes', async () => {
  const text = SCAN + 'x'.repeat(LIMITS.wholeBodyBytesMax);
  const writes = await written(await open(text, 4));
  expect(writes.length).toBeGreaterThan(1);
  expect(writes.every(({ isTogether }) => !isTogether)).toBe(true);
  expect(writes.map((write) => write.text).join('')).toBe(text);
});

test.each([
  ['a short body has not begun', SCAN, 0],
  ['a long body has left', SCAN + 'x'.repeat(LIMITS.wholeBodyBytesMax), 5],
])(
  '%s when it is asked whether the final dot may leave, and does not count as complete',
  async (_what, text, chunks) => {
    const body = await open(text, 4);
    const told: { chunks: number; isComplete: boolean }[] = [];
    const writes = await written(body, async (before) => {
      // What was handed over is still on its way through the pipe.
      await new Promise((resolve) => setImmediate(resolve));
      told.push({ chunks: before.length, isComplete: body.isComplete() });
      return true;
    });
    expect(told).toEqual([{ chunks, isComplete: false }]);
    expect(writes.map((write) => write.text).join('')).toBe(text);
    expect(body.isComplete()).toBe(true);
  },
);

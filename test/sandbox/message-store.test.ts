/** What the simulated hosts keep, and how long one waits for it. */
import { expect, test } from 'vitest';
import { createMessageStore, type ReceivedMessage } from '../../src/sandbox/message-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function setUp(bodyBytesMax = 100) {
  const clock = createFakeClock();
  const store = createMessageStore({ clock, bodyBytesMax });
  const add = (text: string) => {
    const collector = store.collect();
    for (const byte of Buffer.from(text)) collector.push(Buffer.of(byte));
    const { body, bodyBytes, sha256 } = collector.finish();
    const message: ReceivedMessage = {
      host: 'mx',
      receivedAt: clock.now(),
      sender: '',
      recipients: [],
      body,
      bodyBytes,
      sha256,
      tls: null,
      user: null,
      clientCertificate: null,
      address: '127.0.0.1',
      ehlo: 'box',
    };
    store.add(message);
  };
  return { clock, store, add };
}

test('lets the oldest bodies make way, and keeps size and hash', () => {
  const { store, add } = setUp();
  for (const letter of 'abc') add(letter.repeat(40));
  expect(store.received().map((message) => message.body?.toString()[0] ?? null)).toEqual([null, 'b', 'c']);
  expect(store.received()[0]).toMatchObject({
    bodyBytes: 40,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

test('keeps no body larger than its room, and has the room again afterwards', () => {
  const { store, add } = setUp();
  add('x'.repeat(101));
  add('y'.repeat(100));
  expect(store.received().map((message) => message.body?.length ?? null)).toEqual([null, 100]);
});

test('has the room of a discarded body again', () => {
  const { store, add } = setUp();
  const collector = store.collect();
  collector.push(Buffer.alloc(100));
  collector.discard();
  add('y'.repeat(100));
  expect(store.received()[0]?.body?.length).toBe(100);
});

test('resolves when enough have come, and rejects after its time', async () => {
  const { clock, store, add } = setUp();
  const two = store.waitFor(2, 1000);
  const three = expect(store.waitFor(3, 1000)).rejects.toThrow('waited 1000 ms for 3 messages, 2 came');
  add('a');
  add('b');
  expect(await two).toHaveLength(2);
  await clock.advance(1000);
  await three;
});

test('finds a bare line feed and a NUL across slices', () => {
  const { store } = setUp();
  const malformed = (...slices: string[]) => {
    const collector = store.collect();
    for (const slice of slices) collector.push(Buffer.from(slice));
    return collector.finish().malformed;
  };
  expect(malformed('a\r', '\nb\r\n')).toBe(false);
  expect(malformed('a', '\nb')).toBe(true);
  expect(malformed('\n')).toBe(true);
  expect(malformed('a\u0000')).toBe(true);
});

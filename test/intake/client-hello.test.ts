/** What is read of TLS hellos: real ones of Node's client, the format of SSL 2.0, and whatever else comes. */
import { connect, createServer, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { readClientHello } from '../../src/intake/client-hello.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { TLS10 } from './support/client.ts';

/** The first bytes that a TLS client sends. */
function helloOf(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket: Socket) => {
      socket.once('data', (bytes: Buffer) => {
        socket.destroy();
        server.close();
        resolve(bytes);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const at = server.address();
      const port = at !== null && typeof at === 'object' ? at.port : 0;
      const client = connectTls({
        socket: connect(port, '127.0.0.1'),
        rejectUnauthorized: false,
        ...options,
      });
      client.on('error', () => client.destroy());
    });
    server.on('error', reject);
  });
}

/** A hello in the format of SSL 2.0, as OpenSSL 0.9 sends one with SSLv23_client_method. */
function v2Hello(version: number, specs: readonly number[]): Buffer {
  const body = Buffer.alloc(9 + specs.length * 3 + 16);
  body[0] = 1;
  body.writeUInt16BE(version, 1);
  body.writeUInt16BE(specs.length * 3, 3);
  body.writeUInt16BE(0, 5);
  body.writeUInt16BE(16, 7);
  for (const [index, spec] of specs.entries()) body.writeUIntBE(spec, 9 + index * 3, 3);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(0x8000 | body.length);
  return Buffer.concat([head, body]);
}

describe('a hello of', () => {
  test('TLS 1.0 with one suite is read as that', async () => {
    const bytes = await helloOf(TLS10);
    expect(readClientHello(bytes)).toEqual({
      kind: 'hello',
      hello: { format: 'v3', newest: 'TLSv1', versions: ['TLSv1'], suites: [0x002f] },
    });
  });

  test('TLS 1.2 and 1.3 names both', async () => {
    const read = readClientHello(await helloOf({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' }));
    expect(read).toMatchObject({ hello: { newest: 'TLSv1.3', versions: ['TLSv1.2', 'TLSv1.3'] } });
    expect(read.kind === 'hello' && read.hello.suites).toContain(0x1301);
  });

  test('the format of SSL 2.0 is read without the kinds that only SSL 2.0 has', () => {
    const bytes = v2Hello(0x0301, [0x010080, 0x000005, 0x00002f, 0x0000ff]);
    expect(readClientHello(bytes)).toEqual({
      kind: 'hello',
      hello: { format: 'v2', newest: 'TLSv1', versions: ['TLSv1'], suites: [0x0005, 0x002f] },
    });
  });

  test('many records is put together', async () => {
    const bytes = await helloOf({ minVersion: 'TLSv1.2' });
    const message = bytes.subarray(5);
    const records = Array.from({ length: Math.ceil(message.length / 50) }, (_, index) => {
      const piece = message.subarray(index * 50, index * 50 + 50);
      return Buffer.concat([Buffer.from([0x16, 3, 1, 0, piece.length]), piece]);
    });
    expect(readClientHello(Buffer.concat(records))).toEqual(readClientHello(bytes));
  });
});

test('every beginning of a hello is incomplete, never wrong', async () => {
  for (const bytes of [await helloOf({}), v2Hello(0x0303, [0x2f])]) {
    for (let length = 0; length < bytes.length; length += 1) {
      expect(readClientHello(bytes.subarray(0, length)), `${length} bytes`).toEqual({ kind: 'incomplete' });
    }
  }
});

test.each([
  ['a command', Buffer.from('EHLO copier\r\n')],
  ['another handshake message', Buffer.from([0x16, 3, 1, 0, 4, 2, 0, 0, 0])],
  ['an alert behind the first record', Buffer.from([0x16, 3, 1, 0, 1, 1, 0x15, 3, 1, 0, 2, 2, 40])],
  ['an empty record', Buffer.from([0x16, 3, 1, 0, 0])],
  ['a hello that says it has 16 MB', Buffer.from([0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff])],
  ['specs longer than the message', Buffer.from([0x80, 12, 1, 3, 1, 0xff, 0xff, 0, 0, 0, 0, 1, 2, 3])],
])('%s is no hello', (_, bytes) => {
  expect(readClientHello(bytes)).toEqual({ kind: 'other' });
});

test('no bytes make it throw or read more than it may', async () => {
  const seed = seedFromEnvironment();
  const random = createRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const sound = [await helloOf({}), await helloOf(TLS10), v2Hello(0x0301, [5, 10, 0x2f])];
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Buffer.from(sound[round % sound.length] ?? []);
    for (let change = 0; change < 3; change += 1) bytes[below(bytes.length)] = below(256);
    const cut = bytes.subarray(0, below(bytes.length + 1));
    const read = readClientHello(cut);
    if (read.kind !== 'hello') continue;
    expect(read.hello.suites.length, `seed ${seed}`).toBeLessThanOrEqual(LIMITS.helloSuitesMax);
    expect(read.hello.versions.at(-1) ?? null, `seed ${seed}`).toBe(read.hello.newest);
  }
});

/** Bytes of one connection as lines: reads with back-pressure, writes in order, never throws for the peer. */
import type { Socket } from 'node:net';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';

export type WireLine = { kind: 'line'; text: string } | { kind: 'closed' } | { kind: 'too-long' };

export interface Wire {
  /** The next line without its CRLF (a bare LF ends one too). */
  readLine(): Promise<WireLine>;
  /** The next bytes as they came, or null when the peer is gone. */
  readChunk(): Promise<Buffer | null>;
  /** Puts back what was read too far. */
  unread(bytes: Buffer): void;
  /** Resolves when the bytes are handed to the system, or the peer is gone. */
  write(bytes: string | Buffer): Promise<void>;
  /** Stops reading and forgets what was read ahead: a TLS layer takes the socket over (RFC 3207 section 4.2). */
  detach(): void;
  /** What ended the connection, if it was an error. */
  failure(): string | null;
}

const LF = 10;

export function createWire(socket: Socket): Wire {
  const chunks: Buffer[] = [];
  let unreadBytes = 0;
  let closed = false;
  let failure: string | null = null;
  let wake: (() => void) | null = null;

  const signal = () => {
    wake?.();
    wake = null;
  };
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    unreadBytes += chunk.length;
    if (unreadBytes > LIMITS.sandboxUnreadBytesMax) socket.pause();
    signal();
  };
  const onEnd = () => {
    closed = true;
    signal();
  };
  // Stays after detach: an error under the TLS layer is reported here and ends the wire.
  socket.on('error', (error) => {
    failure ??= describeError(error);
    onEnd();
  });
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);

  async function readChunk(): Promise<Buffer | null> {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk) {
        unreadBytes -= chunk.length;
        if (socket.isPaused() && unreadBytes <= LIMITS.sandboxUnreadBytesMax) socket.resume();
        return chunk;
      }
      if (closed) return null;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  function unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    chunks.unshift(bytes);
    unreadBytes += bytes.length;
  }

  async function readLine(): Promise<WireLine> {
    let line: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = await readChunk();
      if (!chunk) return { kind: 'closed' };
      const end = chunk.indexOf(LF);
      line = Buffer.concat([line, chunk.subarray(0, end < 0 ? undefined : end)]);
      if (line.length > LIMITS.sandboxLineBytesMax) return { kind: 'too-long' };
      if (end < 0) continue;
      unread(chunk.subarray(end + 1));
      return { kind: 'line', text: line.toString('utf8').replace(/\r$/, '') };
    }
  }

  return {
    readLine,
    readChunk,
    unread,
    write: (bytes) =>
      socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.write(bytes, () => resolve())),
    detach() {
      chunks.length = 0;
      unreadBytes = 0;
      socket.off('data', onData);
      socket.off('end', onEnd);
    },
    failure: () => failure,
  };
}

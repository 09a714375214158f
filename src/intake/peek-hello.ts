/** Looks at a TLS hello that is about to be answered, and leaves it in the socket for the handshake. */
import type { Socket } from 'node:net';
import { LIMITS } from '../core/limits.ts';
import { type ClientHello, readClientHello } from './client-hello.ts';

/**
 * Waits for the whole hello. Bounded in bytes and pieces; for time the caller's deadline destroys the socket.
 * @returns null for one that can't be read, which the handshake will judge; `gone` when the device left before it.
 */
export function peekHello(socket: Socket): Promise<ClientHello | null | 'gone'> {
  return new Promise((resolve) => {
    let seen: Buffer = Buffer.alloc(0);
    let pieces = 0;
    const onGone = () => finish('gone');
    const onReadable = () => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) return;
      seen = Buffer.concat([seen, bytes]);
      pieces += 1;
      const read = readClientHello(seen);
      const mayGrow = seen.length < LIMITS.helloBytesMax && pieces < LIMITS.helloPiecesMax;
      if (read.kind === 'incomplete' && mayGrow) return;
      finish(read.kind === 'hello' ? read.hello : null);
    };
    function finish(result: ClientHello | null | 'gone'): void {
      socket.off('readable', onReadable);
      socket.off('close', onGone);
      socket.off('end', onGone);
      if (result !== 'gone' && seen.length > 0) socket.unshift(seen);
      resolve(result);
    }
    socket.on('readable', onReadable);
    socket.once('close', onGone);
    socket.once('end', onGone);
    if (socket.destroyed || socket.readableEnded) finish('gone');
  });
}

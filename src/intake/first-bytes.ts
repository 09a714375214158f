/** Tells TLS from plain text by the first bytes of a connection, and waits for them a bounded time. */
import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';

/** First byte of every TLS record with a handshake message (RFC 8446 5.1). */
const TLS_HANDSHAKE = 0x16;
/** An SSLv2-format hello: a length with the high bit set, then message type 1 (RFC 5246 appendix E.2). */
const SSL2_LENGTH_FLAG = 0x80;
const SSL2_CLIENT_HELLO = 1;
const SSL2_TYPE_OFFSET = 2;

/** Whether `bytes` begin a TLS handshake; no SMTP command starts with a byte above 127 or with 0x16. */
export function isTlsHello(bytes: Buffer): boolean {
  const first = bytes[0];
  if (first === undefined) return false;
  if (first === TLS_HANDSHAKE) return true;
  const type = bytes[SSL2_TYPE_OFFSET];
  return first >= SSL2_LENGTH_FLAG && (type === undefined || type === SSL2_CLIENT_HELLO);
}

export type FirstBytes = 'tls' | 'plain' | 'silent' | 'gone';

/**
 * Waits until the device speaks or `waitMs` are over. What it said stays in the socket, unread.
 * @returns `silent` when nothing came in time, `gone` when the device left.
 */
export function awaitFirstBytes(socket: Socket, clock: Clock, waitMs: number): Promise<FirstBytes> {
  return new Promise((resolve) => {
    const timer = clock.schedule(waitMs, () => finish('silent'));
    const onGone = () => finish('gone');
    const onReadable = () => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) return;
      finish(isTlsHello(bytes) ? 'tls' : 'plain', bytes);
    };
    function finish(result: FirstBytes, bytes?: Buffer): void {
      timer.cancel();
      socket.off('readable', onReadable);
      socket.off('close', onGone);
      socket.off('end', onGone);
      if (bytes) socket.unshift(bytes);
      resolve(result);
    }
    socket.on('readable', onReadable);
    socket.once('close', onGone);
    socket.once('end', onGone);
  });
}

/** TLS toward devices: what each floor allows, and the handshake itself. */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { TlsFacts } from '../core/message.ts';
import type { ListenerSettings } from './settings.ts';
import type { ServerCertificate } from './types.ts';

export type Floor = ListenerSettings['floor'];

/**
 * Forward secrecy first, then RSA key exchange: some devices know nothing else, TLS 1.2 ones included
 * (docs/reference/quirks.md Q24). No DHE: devices that know it mostly fail above 1024 bits.
 */
const MODERN_CIPHERS =
  'ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!eNULL:!PSK:!SRP:!CAMELLIA:!ARIA';
/** Without security level 0 OpenSSL 3 refuses SHA-1 signatures, and with them TLS 1.0 and 1.1. */
const LEGACY_CIPHERS = `${MODERN_CIPHERS}:@SECLEVEL=0`;

/**
 * Tickets gain nothing for a scan an hour, and old stacks mishandle them. Renegotiation by the device costs
 * the box far more CPU than the device, and no mail needs it.
 */
const SECURE_OPTIONS = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

/** The contexts for both floors; throws when key and certificate don't fit together. */
export function createContexts(certificate: ServerCertificate): Record<Floor, SecureContext> {
  const common = {
    key: certificate.key,
    cert: certificate.cert,
    honorCipherOrder: true,
    secureOptions: SECURE_OPTIONS,
    // As in engine.ts: no device's certificate is judged.
    ca: [],
  };
  return {
    legacy: createSecureContext({ ...common, minVersion: 'TLSv1', ciphers: LEGACY_CIPHERS }),
    modern: createSecureContext({ ...common, minVersion: 'TLSv1.2', ciphers: MODERN_CIPHERS }),
  };
}

/** A handshake under way. */
export interface Handshake {
  /** Rejects with the error of OpenSSL, or when the device goes away. */
  done: Promise<TLSSocket>;
  /** Destroying it aborts the handshake. */
  socket: TLSSocket;
}

/**
 * Answers the hello that `socket` brings, from its first byte on (SSLv2-format hellos included). A client
 * certificate is never asked for: some devices send one that fails, or stop (docs/reference/quirks.md Q23).
 */
export function startHandshake(socket: Socket, secureContext: SecureContext): Handshake {
  const tlsSocket = new TLSSocket(socket, { isServer: true, secureContext, requestCert: false });
  const done = new Promise<TLSSocket>((resolve, reject) => {
    const onError = (error: Error) => settle(() => reject(error));
    const onGone = () =>
      settle(() => reject(new Error('the device closed the connection during the handshake')));
    const onSecure = () => settle(() => resolve(tlsSocket));
    function settle(outcome: () => void): void {
      tlsSocket.off('close', onGone);
      tlsSocket.off('end', onGone);
      tlsSocket.off('secure', onSecure);
      outcome();
    }
    // The error listener stays: a late error of a socket without one would end the process.
    tlsSocket.on('error', onError);
    tlsSocket.once('close', onGone);
    // The sockets are half-open, so a device that leaves now shows by its end alone.
    tlsSocket.once('end', onGone);
    tlsSocket.once('secure', onSecure);
  });
  return { done, socket: tlsSocket };
}

/** What was negotiated, in Node's names. */
export function tlsFactsOf(tlsSocket: TLSSocket): TlsFacts {
  return { protocol: tlsSocket.getProtocol() ?? 'unknown', cipher: tlsSocket.getCipher().name };
}

/** The subject of the certificate of a device's own web server: a last hint, read and never trusted. */
import net from 'node:net';
import tls from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { withinDeadline } from './deadline.ts';
import { cleanText } from './text.ts';

export interface SubjectRequest {
  address: string;
  port: number;
  signal: AbortSignal;
}

/** Subject as `CN=…,OU=…,O=…`, or null where no TLS answered in time. */
export function askSubject(clock: Clock, { address, port, signal }: SubjectRequest): Promise<string | null> {
  const limit = { ms: LIMITS.discoveryTlsMaxMs, outer: signal };
  return withinDeadline(clock, limit, (inner) => shakeHands(address, port, inner));
}

function shakeHands(address: string, port: number, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const raw = new net.Socket({ signal });
    raw.connect(port, address);
    const socket = tls.connect({
      socket: raw,
      // Such certificates are made by the device for itself, and its TLS may be as old as the device. Nothing is
      // sent over this connection and nothing is believed because of it: only the name is read.
      rejectUnauthorized: false,
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT:@SECLEVEL=0',
    });
    const finish = (subject: string | null): void => {
      resolve(subject);
      socket.destroy();
      raw.destroy();
    };
    socket.once('secureConnect', () => finish(subjectOf(socket.getPeerCertificate())));
    for (const stream of [raw, socket]) {
      stream.on('error', () => finish(null));
      stream.on('close', () => finish(null));
    }
  });
}

function subjectOf({ subject }: tls.PeerCertificate): string | null {
  const parts = Object.entries(subject ?? {})
    .flatMap(([key, values]) => [values ?? []].flat().map((value) => `${key}=${value}`))
    .slice(0, LIMITS.discoverySubjectPartsMax);
  return cleanText(parts.join(','));
}

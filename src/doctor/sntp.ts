/** Asks a time server over UDP what time it is (SNTP, RFC 4330). */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';

/** Seconds from 1900, where NTP begins, to 1970. */
const NTP_TO_UNIX_S = 2_208_988_800;
const PACKET_BYTES = 48;
/** Leap indicator 0, version 4, mode 3 (client). */
const CLIENT_V4 = 0x23;
const SERVER_MODE = 4;
const TRANSMIT_AT = 40;
const RECEIVE_AT = 32;
/** Where the server repeats the client's own time. */
const ORIGINATE_AT = 24;
const TIMESTAMP_BYTES = 8;

export interface TimeQuestion {
  address: string;
  port: number;
  clock: Clock;
  signal: AbortSignal;
}

/**
 * How far the box's clock is ahead of the server's, in milliseconds.
 * @throws Error when no usable answer comes within LIMITS.doctorTimeServerMaxMs.
 */
export async function askTimeServer({ address, port, clock, signal }: TimeQuestion): Promise<number> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const answered = Promise.withResolvers<number>();
  const sentAt = clock.now();
  const request = Buffer.alloc(PACKET_BYTES);
  request[0] = CLIENT_V4;
  writeTimestamp(request, TRANSMIT_AT, sentAt);
  const timer = clock.schedule(LIMITS.doctorTimeServerMaxMs, () => answered.reject(new Error('no answer')));
  const onAbort = () => answered.reject(new Error('ended early'));
  signal.addEventListener('abort', onAbort, { once: true });
  socket.on('error', answered.reject);
  socket.on('message', (reply) => {
    // Anybody may send to this port; only the server can repeat what it was asked with.
    const repeated = reply.subarray(ORIGINATE_AT, ORIGINATE_AT + TIMESTAMP_BYTES);
    const isOurs = reply.length >= PACKET_BYTES && repeated.equals(request.subarray(TRANSMIT_AT));
    if (isOurs) answered.resolve(offsetOf(reply, sentAt, clock.now()));
  });
  try {
    socket.connect(port, address, () => socket.send(request));
    const offset = await answered.promise;
    if (Number.isNaN(offset)) throw new Error('the server does not know the time itself');
    return offset;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
    socket.close();
  }
}

/** NaN where the server has no time to give: stratum 0 or above 15, or not synchronised (leap indicator 3). */
function offsetOf(reply: Buffer, sentAt: number, receivedAt: number): number {
  const [flags = 0, stratum = 0] = reply;
  const isUsable = (flags & 7) === SERVER_MODE && flags >> 6 !== 3 && stratum >= 1 && stratum <= 15;
  if (!isUsable) return Number.NaN;
  const serverGot = readTimestamp(reply, RECEIVE_AT);
  const serverSent = readTimestamp(reply, TRANSMIT_AT);
  return Math.round(-(serverGot - sentAt + (serverSent - receivedAt)) / 2);
}

function writeTimestamp(packet: Buffer, at: number, epochMs: number): void {
  packet.writeUInt32BE((Math.floor(epochMs / 1000) + NTP_TO_UNIX_S) % 2 ** 32, at);
  packet.writeUInt32BE(Math.floor(((epochMs % 1000) / 1000) * 2 ** 32), at + 4);
}

/** Timestamps wrap in 2036; what looks like before 1968 is after that (RFC 4330 section 3). */
function readTimestamp(packet: Buffer, at: number): number {
  const seconds = packet.readUInt32BE(at);
  const era = seconds < 2 ** 31 ? 2 ** 32 : 0;
  return (seconds + era - NTP_TO_UNIX_S) * 1000 + (packet.readUInt32BE(at + 4) / 2 ** 32) * 1000;
}

/** A small authoritative DNS server over UDP and TCP for the simulated names. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import * as packet from 'dns-packet';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';

/** Records of one name; a type left out answers with no data. */
export interface ZoneRecords {
  A?: string[];
  AAAA?: string[];
  MX?: { exchange: string; preference: number }[];
  TXT?: string[];
  /** Questions about this name alone get SERVFAIL, or nothing. */
  fault?: 'servfail' | 'silence';
}

export interface DnsServer {
  /** Lower-case names; tests change it at will. */
  zone: Map<string, ZoneRecords>;
  /** How queries are met: answered, refused with SERVFAIL, or left alone. */
  mode: 'answer' | 'servfail' | 'silence';
  start(): Promise<{ address: string; port: number }>;
  stop(): Promise<void>;
}

const TTL_S = 60;
const RCODE_SERVFAIL = 2;
const RCODE_NXDOMAIN = 3;
/** UDP and TCP share a port number; the one UDP got may be taken for TCP. */
const BIND_TRIES = 20;

export function createDnsServer(deps: { log: Log; address: string }): DnsServer {
  const sockets = new Set<Socket>();
  const tcp = createServer((socket) => serveTcp(socket));
  let udp: UdpSocket | null = null;

  function answer(query: Buffer): packet.Packet | null {
    if (server.mode === 'silence') return null;
    const { id, questions, flags } = packet.decode(query);
    const base = { type: 'response', id, questions: questions ?? [] } as const;
    const known = packet.AUTHORITATIVE_ANSWER | ((flags ?? 0) & packet.RECURSION_DESIRED);
    const question = questions?.[0];
    const records = question && server.zone.get(question.name.toLowerCase());
    if (records?.fault === 'silence') return null;
    if (server.mode === 'servfail' || records?.fault === 'servfail')
      return { ...base, flags: known | RCODE_SERVFAIL };
    if (!question || !records) return { ...base, flags: known | RCODE_NXDOMAIN };
    return { ...base, flags: known, answers: answersFor(question, records) };
  }

  /** A packet that isn't DNS gets no answer, as from a real server; the log says so. */
  function respond(query: Buffer, send: (reply: packet.Packet) => void): void {
    try {
      const reply = answer(query);
      if (reply) send(reply);
    } catch (error) {
      deps.log.warn('sandbox.dns-bad-query', { error: describeError(error) });
    }
  }

  function serveTcp(socket: Socket): void {
    let pending: Buffer = Buffer.alloc(0);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', (error) => deps.log.debug('sandbox.dns-cut', { error: describeError(error) }));
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      if (pending.length > LIMITS.sandboxRequestBytesMax) socket.destroy();
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        respond(pending.subarray(2, end), (reply) => socket.write(packet.streamEncode(reply)));
        pending = pending.subarray(end);
      }
    });
  }

  async function bind(tries: number): Promise<number> {
    const socket = createSocket('udp4');
    socket.on('message', (query, from) =>
      respond(query, (reply) => socket.send(packet.encode(reply), from.port, from.address)),
    );
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject).bind(0, deps.address, resolve);
    });
    const { port } = socket.address();
    try {
      await new Promise<void>((resolve, reject) => {
        tcp.once('error', reject).listen(port, deps.address, () => {
          tcp.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      socket.close();
      if (tries <= 1) throw error;
      return bind(tries - 1);
    }
    socket.on('error', (error) => deps.log.error('sandbox.dns-failed', { error: describeError(error) }));
    udp = socket;
    return port;
  }

  const server: DnsServer = {
    zone: new Map(),
    mode: 'answer',
    start: async () => ({ address: deps.address, port: await bind(BIND_TRIES) }),
    async stop() {
      if (!udp) return;
      const open = udp;
      udp = null;
      await new Promise<void>((resolve) => open.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => tcp.close(() => resolve()));
    },
  };
  return server;
}

function answersFor(question: packet.Question, records: ZoneRecords): packet.Answer[] {
  const head = { name: question.name, ttl: TTL_S } as const;
  switch (question.type) {
    case 'A':
      return (records.A ?? []).map((data) => ({ ...head, type: 'A', data }));
    case 'AAAA':
      return (records.AAAA ?? []).map((data) => ({ ...head, type: 'AAAA', data }));
    case 'MX':
      return (records.MX ?? []).map((data) => ({ ...head, type: 'MX', data }));
    case 'TXT':
      return (records.TXT ?? []).map((data) => ({ ...head, type: 'TXT', data }));
    default:
      return [];
  }
}

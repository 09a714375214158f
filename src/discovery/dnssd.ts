/**
 * Finds what announces itself by multicast DNS, as a one-shot querier (RFC 6762 section 5.1): from a port of its own, so
 * that it gets along with a responder on the box, and the answers come to this port alone.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { Packet, Question } from 'dns-packet';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { startDeadline, whenAborted } from './deadline.ts';
import { createRecordBook, type DnssdFacts, SERVICES } from './dnssd-records.ts';
import type { Pace } from './pace.ts';

const GROUP = { udp4: '224.0.0.251', udp6: 'ff02::fb' } as const;
/** Answers from the own link arrive with it; RFC 6762 section 11 asks for it. */
const TTL = 255;
/** Questions in one packet: with names of 60 characters it stays below 1472 bytes. */
const QUESTIONS_MAX = 20;

/** An interface of the box that lies in a network to be searched. */
export interface BrowseInterface {
  name: string;
  address: string;
  family: 'udp4' | 'udp6';
}

export interface BrowseRequest {
  interfaces: readonly BrowseInterface[];
  port: number;
  signal: AbortSignal;
}

interface Deps {
  clock: Clock;
  pace: Pace;
}

/** Asks everybody on the interfaces; address to what was told of it. Takes `LIMITS.discoveryBrowseMs`. */
export async function browse(deps: Deps, request: BrowseRequest): Promise<Map<string, DnssdFacts>> {
  const all = await Promise.all(
    request.interfaces.map((via) =>
      query(deps, {
        ...{ via, port: request.port, signal: request.signal, forMs: LIMITS.discoveryBrowseMs },
        ...{ to: GROUP[via.family], only: null },
      }),
    ),
  );
  return new Map(all.flatMap((found) => [...found]));
}

export interface DirectRequest {
  address: string;
  port: number;
  signal: AbortSignal;
}

/** Asks one device alone (RFC 6762 section 5.5), for networks that multicast does not reach. */
export async function askDirectly(deps: Deps, request: DirectRequest): Promise<DnssdFacts | null> {
  const { address, port, signal } = request;
  const found = await query(deps, {
    ...{ via: null, to: address, only: address, port, signal, forMs: LIMITS.discoveryDirectBrowseMs },
  });
  return found.get(address) ?? null;
}

interface Query {
  via: BrowseInterface | null;
  to: string;
  port: number;
  /** The one address whose answers count; null takes everybody's. */
  only: string | null;
  forMs: number;
  signal: AbortSignal;
}

async function query({ clock, pace }: Deps, request: Query): Promise<Map<string, DnssdFacts>> {
  const { default: dns } = await import('dns-packet');
  const { only } = request;
  const book = createRecordBook();
  const deadline = startDeadline(clock, request.forMs, request.signal);
  const socket = dgram.createSocket(request.via?.family ?? 'udp4');
  const settled = Promise.withResolvers<void>();
  // An interface that goes down in the middle ends this one question, not the search.
  socket.on('error', () => settled.resolve());
  socket.on('message', (message, from) => {
    if (only !== null && from.address !== only) return;
    const packet = decode(dns.decode, message);
    if (packet?.type !== 'response') return;
    book.add(packet, from.address);
    if (only !== null && book.facts().size > 0 && book.missing().length === 0) settled.resolve();
  });
  const send = async (questions: Question[]): Promise<void> => {
    for (let start = 0; start < questions.length; start += QUESTIONS_MAX) {
      await pace.turn(deadline.signal);
      if (deadline.signal.aborted) return;
      const bytes = dns.encode({ type: 'query', questions: questions.slice(start, start + QUESTIONS_MAX) });
      await sendTo(socket, bytes, request);
    }
  };
  const repeat = async (): Promise<void> => {
    const missing = book.missing().flatMap((name): Question[] => [
      { type: 'SRV', name },
      { type: 'TXT', name },
    ]);
    await send([...SERVICES.map((name): Question => ({ type: 'PTR', name })), ...missing]);
  };
  let timer = clock.schedule(LIMITS.discoveryBrowseRepeatMs, again);
  function again(): void {
    timer = clock.schedule(LIMITS.discoveryBrowseRepeatMs, again);
    void repeat();
  }
  try {
    if (await open(socket, request.via)) {
      await repeat();
      await Promise.race([whenAborted(deadline.signal), settled.promise]);
    }
    return book.facts();
  } finally {
    timer.cancel();
    deadline.clear();
    socket.close();
  }
}

/** False where the interface can't be used (gone, or without multicast): then nothing is found there. */
async function open(socket: dgram.Socket, via: BrowseInterface | null): Promise<boolean> {
  try {
    socket.bind(0, via?.family === 'udp6' ? '::' : via?.address);
    await once(socket, 'listening');
    socket.setTTL(TTL);
    if (via === null) return true;
    socket.setMulticastTTL(TTL);
    socket.setMulticastInterface(via.family === 'udp6' ? `::%${via.name}` : via.address);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}

/** A datagram that can't leave (no path, interface down) is one that nobody answers. */
function sendTo(socket: dgram.Socket, bytes: Buffer, { to, port }: Query): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.send(bytes, port, to, () => resolve());
    } catch {
      // The socket has been closed by an error of its own, which has ended the question.
      resolve();
    }
  });
}

function decode(read: (bytes: Buffer) => Packet, message: Buffer): Packet | null {
  try {
    return read(message);
  } catch {
    // Garbage on the multicast group is anybody's; it is no answer.
    return null;
  }
}

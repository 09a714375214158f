/** SNMP v1 and v2c questions to one device; garbage in place of an answer counts as silence. */
import type { Session, Varbind } from 'net-snmp';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { startDeadline } from './deadline.ts';
import type { Pace } from './pace.ts';
import { cleanBytes, cleanText } from './text.ts';

/** OID to its value as text; what the device does not have is missing. */
export type SnmpValues = ReadonlyMap<string, string>;

export interface SnmpPeer {
  /** Values of `oids`; null where the device does not answer at all. */
  get(oids: readonly string[]): Promise<SnmpValues | null>;
  close(): void;
}

export interface SnmpTarget {
  address: string;
  port: number;
  community: string;
  version: 'v1' | 'v2c';
  signal: AbortSignal;
}

type Library = typeof import('net-snmp');
type Answer = { values: SnmpValues } | { refused: true } | null;

/** Opens a socket of its own for the device; nothing is sent before `get`. The library is loaded at first use. */
export async function openSnmp(deps: { clock: Clock; pace: Pace }, target: SnmpTarget): Promise<SnmpPeer> {
  const { default: library } = await import('net-snmp');
  const session = openSession(library, target);

  async function askWithRetries(oids: readonly string[]): Promise<Answer> {
    for (let tries = 0; tries < LIMITS.discoverySnmpTries && !target.signal.aborted; tries += 1) {
      await deps.pace.turn(target.signal);
      const answer = await askOnce(oids);
      if (answer !== null) return answer;
    }
    return null;
  }

  function askOnce(oids: readonly string[]): Promise<Answer> {
    const deadline = startDeadline(deps.clock, LIMITS.discoverySnmpMaxMs, target.signal);
    return new Promise<Answer>((resolve) => {
      deadline.signal.addEventListener('abort', () => resolve(null), { once: true });
      // The library may fail in the middle of an answer, without calling back: then the deadline speaks.
      session.get([...oids], (error, varbinds) => {
        if (error === null) resolve({ values: readValues(library, oids, varbinds ?? []) });
        else resolve(error instanceof library.RequestFailedError ? { refused: true } : null);
      });
    }).finally(() => deadline.clear());
  }

  async function getChunk(oids: readonly string[]): Promise<SnmpValues | null> {
    const answer = await askWithRetries(oids);
    if (answer === null || 'values' in answer) return answer?.values ?? null;
    return oids.length > 1 ? getEach(oids) : new Map();
  }

  /** SNMPv1 refuses a whole question for one name it does not have (RFC 1157 section 4.1.2). */
  async function getEach(oids: readonly string[]): Promise<SnmpValues> {
    const found = new Map<string, string>();
    for (const oid of oids) {
      const answer = await askWithRetries([oid]);
      if (answer === null) break;
      if ('values' in answer) addAll(found, answer.values);
    }
    return found;
  }

  return {
    async get(oids) {
      const found = new Map<string, string>();
      for (let start = 0; start < oids.length; start += LIMITS.discoverySnmpOidsMax) {
        const values = await getChunk(oids.slice(start, start + LIMITS.discoverySnmpOidsMax));
        if (values === null) return start === 0 ? null : found;
        addAll(found, values);
      }
      return found;
    },
    close: () => void session.close(),
  };
}

function addAll(found: Map<string, string>, values: SnmpValues): void {
  for (const [oid, value] of values) found.set(oid, value);
}

function openSession(library: Library, { address, port, community, version }: SnmpTarget): Session {
  const session = library.createSession(address, community, {
    version: version === 'v1' ? library.Version1 : library.Version2c,
    port,
    transport: 'udp4',
    retries: 0,
    // Longer than ours, which decides; the library's own is only there to forget the question.
    timeout: LIMITS.discoverySnmpMaxMs * 2,
  });
  session.on('error', () => {
    // Bytes that are no SNMP message: the question stays open until its deadline, as if nothing had come.
  });
  guardReceiving(session, address);
  return session;
}

/**
 * Puts a guard before the library's reader: only the device that was asked may answer, and an exception out of the
 * middle of a malformed message must not end the process.
 */
function guardReceiving(session: Session, address: string): void {
  // The library's declared type leaves out the socket and its reader, which its documentation of custom sockets names.
  const { dgram: socket, onMsg } = session as unknown as {
    dgram: import('node:dgram').Socket;
    onMsg(this: Session, message: Buffer): void;
  };
  socket.removeAllListeners('message');
  socket.on('message', (message, from) => {
    if (from.address !== address) return;
    try {
      onMsg.call(session, message);
    } catch {
      // As above: a message that can't be read is no answer.
    }
  });
}

function readValues(library: Library, asked: readonly string[], varbinds: readonly Varbind[]): SnmpValues {
  const wanted = new Set(asked);
  const found = new Map<string, string>();
  for (const varbind of varbinds) {
    if (!wanted.has(varbind.oid) || library.isVarbindError(varbind)) continue;
    const text = asText(varbind.value);
    if (text !== null) found.set(varbind.oid, text);
  }
  return found;
}

function asText(value: Varbind['value']): string | null {
  if (Buffer.isBuffer(value)) return cleanBytes(value);
  if (typeof value === 'string') return cleanText(value);
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : null;
}

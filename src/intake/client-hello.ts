/**
 * Reads what a device offers in its TLS hello: versions and cipher suites, nothing that names it. Pure and bounded;
 * never throws, whatever the bytes are.
 */
import { LIMITS } from '../core/limits.ts';
import { isTlsHello } from './first-bytes.ts';

export const TLS_NAMES = ['SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type TlsName = (typeof TLS_NAMES)[number];

export interface ClientHello {
  /** v2: the format of SSL 2.0 (RFC 5246 appendix E.2). */
  format: 'v2' | 'v3';
  /** Newest version it offers; null for one that nobody knows. */
  newest: TlsName | null;
  /** Every version it names, where it lists them (RFC 8446 4.2.1); else the newest alone. */
  versions: TlsName[];
  /** Cipher suites as numbers, in its order, at most LIMITS.helloSuitesMax. */
  suites: number[];
}

export type HelloRead =
  | { kind: 'hello'; hello: ClientHello }
  /** More bytes may make it one. */
  | { kind: 'incomplete' }
  | { kind: 'other' };

const RECORD_HEAD = 5;
const HANDSHAKE_HEAD = 4;
const HANDSHAKE_RECORD = 0x16;
const CLIENT_HELLO = 1;
const RANDOM_BYTES = 32;
const SUPPORTED_VERSIONS = 43;
/** Message type, version, and the lengths of specs, session id and challenge. */
const V2_FIXED = 9;
const V2_SPEC_BYTES = 3;
/** Signalling values, no suites: renegotiation (RFC 5746) and fallback (RFC 7507). */
const SIGNALS: ReadonlySet<number> = new Set([0x00ff, 0x5600]);
const VERSIONS: Readonly<Record<number, TlsName>> = {
  [0x0002]: 'SSLv2',
  [0x0200]: 'SSLv2',
  [0x0300]: 'SSLv3',
  [0x0301]: 'TLSv1',
  [0x0302]: 'TLSv1.1',
  [0x0303]: 'TLSv1.2',
  [0x0304]: 'TLSv1.3',
};

/** Reads the hello at the start of a connection, in whatever pieces its records come. */
export function readClientHello(bytes: Buffer): HelloRead {
  if (bytes.length === 0) return { kind: 'incomplete' };
  if (!isTlsHello(bytes)) return { kind: 'other' };
  if (bytes[0] !== HANDSHAKE_RECORD) return readV2(bytes);
  const message = handshakeMessage(bytes);
  if (message === null) return { kind: 'other' };
  if (message === 'incomplete') return { kind: 'incomplete' };
  const hello = readV3(message);
  return hello === null ? { kind: 'other' } : { kind: 'hello', hello };
}

/** The body of the first handshake message, put together from its records; null where it is no hello. */
function handshakeMessage(bytes: Buffer): Buffer | 'incomplete' | null {
  const pieces: Buffer[] = [];
  let collected = 0;
  let at = 0;
  for (;;) {
    if (bytes.length < at + RECORD_HEAD) return 'incomplete';
    if (bytes[at] !== HANDSHAKE_RECORD) return null;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0) return null;
    const piece = bytes.subarray(at + RECORD_HEAD, at + RECORD_HEAD + length);
    pieces.push(piece);
    collected += piece.length;
    const message = wholeMessage(pieces, collected);
    if (message !== 'incomplete' || piece.length < length) return message;
    at += RECORD_HEAD + length;
  }
}

function wholeMessage(pieces: readonly Buffer[], collected: number): Buffer | 'incomplete' | null {
  const text = Buffer.concat(pieces);
  if (collected > 0 && text[0] !== CLIENT_HELLO) return null;
  if (collected < HANDSHAKE_HEAD) return 'incomplete';
  const length = text.readUIntBE(1, 3);
  if (length > LIMITS.helloBytesMax) return null;
  return collected < HANDSHAKE_HEAD + length
    ? 'incomplete'
    : text.subarray(HANDSHAKE_HEAD, HANDSHAKE_HEAD + length);
}

/** Walks through fields whose length stands before them; `take` is null once one of them does not fit. */
function createReader(bytes: Buffer) {
  let at = 0;
  const take = (length: number): Buffer | null => {
    if (at + length > bytes.length) return null;
    at += length;
    return bytes.subarray(at - length, at);
  };
  return {
    take,
    /** A field behind a length of `lengthBytes` bytes. */
    field(lengthBytes: 1 | 2): Buffer | null {
      const length = take(lengthBytes);
      return length === null ? null : take(length.readUIntBE(0, lengthBytes));
    },
    isAtEnd: () => at === bytes.length,
  };
}

function readV3(message: Buffer): ClientHello | null {
  const reader = createReader(message);
  const version = reader.take(2);
  const random = reader.take(RANDOM_BYTES);
  const session = reader.field(1);
  const suites = reader.field(2);
  const compression = reader.field(1);
  if (version === null || random === null || session === null || suites === null || compression === null) {
    return null;
  }
  const newest = VERSIONS[version.readUInt16BE(0)] ?? null;
  // TLS 1.0 knows no extensions, and some devices end here.
  const listed = reader.isAtEnd() ? [] : supportedVersions(reader.field(2));
  return offer('v3', listed.length > 0 ? listed : [newest], suiteNumbers(suites));
}

function supportedVersions(extensions: Buffer | null): (TlsName | null)[] {
  if (extensions === null) return [];
  const reader = createReader(extensions);
  while (!reader.isAtEnd()) {
    const type = reader.take(2);
    const body = reader.field(2);
    if (type === null || body === null) return [];
    if (type.readUInt16BE(0) !== SUPPORTED_VERSIONS) continue;
    const list = createReader(body).field(1);
    return list === null ? [] : pairs(list).map((number) => VERSIONS[number] ?? null);
  }
  return [];
}

function suiteNumbers(bytes: Buffer): number[] {
  return pairs(bytes).filter((suite) => !SIGNALS.has(suite) && !isGrease(suite));
}

function pairs(bytes: Buffer): number[] {
  return Array.from({ length: Math.floor(bytes.length / 2) }, (_, index) => bytes.readUInt16BE(index * 2));
}

/** Values that clients add at random so that servers learn to skip what they don't know (RFC 8701). */
function isGrease(suite: number): boolean {
  return (suite & 0x0f0f) === 0x0a0a && suite >> 8 === (suite & 0xff);
}

function readV2(bytes: Buffer): HelloRead {
  if (bytes.length < 2) return { kind: 'incomplete' };
  const length = bytes.readUInt16BE(0) & 0x7fff;
  if (length < V2_FIXED || length > LIMITS.helloBytesMax) return { kind: 'other' };
  if (bytes.length < 2 + length) return { kind: 'incomplete' };
  const message = bytes.subarray(2, 2 + length);
  const specBytes = message.readUInt16BE(3);
  const reader = createReader(message.subarray(V2_FIXED));
  const specs = reader.take(specBytes);
  if (specs === null) return { kind: 'other' };
  const suites = Array.from({ length: Math.floor(specs.length / V2_SPEC_BYTES) }, (_, index) =>
    specs.readUIntBE(index * V2_SPEC_BYTES, V2_SPEC_BYTES),
  );
  const newest = VERSIONS[message.readUInt16BE(1)] ?? null;
  // Three bytes with a first one that is not zero are kinds of SSL 2.0 itself.
  return {
    kind: 'hello',
    hello: offer(
      'v2',
      [newest],
      suites.filter((suite) => suite <= 0xffff && !SIGNALS.has(suite)),
    ),
  };
}

function offer(format: ClientHello['format'], named: (TlsName | null)[], suites: number[]): ClientHello {
  const versions = TLS_NAMES.filter((name) => named.includes(name));
  return {
    format,
    versions,
    newest: versions.at(-1) ?? null,
    suites: suites.slice(0, LIMITS.helloSuitesMax),
  };
}

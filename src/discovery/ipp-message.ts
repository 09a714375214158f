/** IPP messages (RFC 8010): the question for a few printer attributes, and a bounded reader of the answer. */
import { LIMITS } from '../core/limits.ts';
import { cleanBytes } from './text.ts';

const VERSION_1_1 = 0x0101;
const GET_PRINTER_ATTRIBUTES = 0x000b;
const OPERATION_ATTRIBUTES = 0x01;
const END_OF_ATTRIBUTES = 0x03;
/** Tags below are delimiters of groups, tags from here on say the kind of a value (RFC 8010 section 3.5). */
const FIRST_VALUE_TAG = 0x10;

const TAG = { octets: 0x30, textWithLanguage: 0x35, nameWithLanguage: 0x36, text: 0x41, name: 0x42 } as const;
const KEYWORD = 0x44;
const URI = 0x45;
const CHARSET = 0x47;
const LANGUAGE = 0x48;
const PLAIN_TEXTS: readonly number[] = [TAG.octets, TAG.text, TAG.name, KEYWORD, URI];
const TEXTS_WITH_LANGUAGE: readonly number[] = [TAG.textWithLanguage, TAG.nameWithLanguage];
/** Replies from 0x0000 to 0x00ff are successes (RFC 8011 appendix B.1). */
const SUCCESS_MAX = 0x00ff;
const HEADER_BYTES = 8;

/** A Get-Printer-Attributes request for `attributes` of the printer at `uri` (RFC 8011 section 4.2.5). */
export function encodeRequest(uri: string, attributes: readonly string[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(VERSION_1_1, 0);
  header.writeUInt16BE(GET_PRINTER_ATTRIBUTES, 2);
  header.writeUInt32BE(1, 4);
  return Buffer.concat([
    header,
    Buffer.from([OPERATION_ATTRIBUTES]),
    encodeAttribute(CHARSET, 'attributes-charset', 'utf-8'),
    encodeAttribute(LANGUAGE, 'attributes-natural-language', 'en'),
    encodeAttribute(URI, 'printer-uri', uri),
    // Further values of one attribute carry an empty name (RFC 8010 section 3.1.5).
    ...attributes.map((name, index) =>
      encodeAttribute(KEYWORD, index === 0 ? 'requested-attributes' : '', name),
    ),
    Buffer.from([END_OF_ATTRIBUTES]),
  ]);
}

function encodeAttribute(tag: number, name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([tag]), withLength(name), withLength(value)]);
}

function withLength(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/**
 * Texts of an answer by attribute name, the first value of each. Null where the bytes are no successful answer; an
 * answer that lies about a length is read up to the lie.
 */
export function decodeResponse(bytes: Buffer): Map<string, string> | null {
  if (bytes.length <= HEADER_BYTES || bytes.readUInt8(0) > 2) return null;
  if (bytes.readUInt16BE(2) > SUCCESS_MAX) return null;
  const found = new Map<string, string>();
  for (const { tag, name, value } of readValues(bytes)) {
    const text = textOf(tag, value);
    if (name !== '' && text !== null && !found.has(name)) found.set(name, text);
  }
  return found;
}

function* readValues(bytes: Buffer): Generator<{ tag: number; name: string; value: Buffer }> {
  let at = HEADER_BYTES;
  let left: number = LIMITS.discoveryIppAttributesMax;
  while (at < bytes.length && left > 0) {
    const tag = bytes.readUInt8(at);
    at += 1;
    if (tag === END_OF_ATTRIBUTES) return;
    if (tag < FIRST_VALUE_TAG) continue;
    const name = field(bytes, at);
    const value = name === null ? null : field(bytes, name.end);
    if (name === null || value === null) return;
    yield { tag, name: name.bytes.toString('latin1'), value: value.bytes };
    at = value.end;
    left -= 1;
  }
}

function field(bytes: Buffer, at: number): { bytes: Buffer; end: number } | null {
  if (at + 2 > bytes.length) return null;
  const end = at + 2 + bytes.readUInt16BE(at);
  return end > bytes.length ? null : { bytes: bytes.subarray(at + 2, end), end };
}

function textOf(tag: number, value: Buffer): string | null {
  if (PLAIN_TEXTS.includes(tag)) return cleanBytes(value);
  if (!TEXTS_WITH_LANGUAGE.includes(tag)) return null;
  const language = field(value, 0);
  const text = language === null ? null : field(value, language.end);
  return text === null ? null : cleanBytes(text.bytes);
}

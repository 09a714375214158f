/** Puts a message together as bytes: header, parts, encodings (RFC 5322, 2045 to 2047, 6522). Pure. */
import { encodeWords } from '../core/encoded-words.ts';

export interface Part {
  /** Content-Type with its parameters. */
  type: string;
  /** Lines parted by LF; UTF-8 where `type` says so. */
  text: string;
}

const ASCII = /^[\t\x20-\x7e]*$/;
/** RFC 2045 6.7: an encoded line has no more, its soft line break included. */
const ENCODED_LINE_MAX = 76;
/** RFC 5322 2.1.1: lines should have no more. */
const HEADER_LINE_MAX = 78;
/** RFC 5322 2.1.1: no line may have more. */
const LINE_MAX = 998;

/**
 * The bytes of a multipart message.
 * @param boundary must not stand in any part.
 */
export function composeMultipart(
  fields: readonly (readonly [name: string, value: string])[],
  { type, boundary, parts }: { type: string; boundary: string; parts: readonly Part[] },
): Buffer {
  const lines = [
    ...headerOf(fields),
    `Content-Type: ${type};\r\n boundary="${boundary}"`,
    '',
    ...parts.flatMap((part) => [`--${boundary}`, ...encodePart(part)]),
    `--${boundary}--`,
    '',
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

/** The bytes of a message of one part. */
export function composePlain(
  fields: readonly (readonly [name: string, value: string])[],
  part: Part,
): Buffer {
  return Buffer.from([...headerOf(fields), ...encodePart(part)].join('\r\n'), 'latin1');
}

function headerOf(fields: readonly (readonly [name: string, value: string])[]): string[] {
  return [...fields.map(([name, value]) => foldField(name, value)), 'MIME-Version: 1.0'];
}

/** A field in lines of 78 characters where blanks allow it. */
export function foldField(name: string, value: string): string {
  const lines: string[] = [];
  for (const word of `${name}: ${value}`.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || (last.length + 1 + word.length > HEADER_LINE_MAX && last.trim() !== '')) {
      lines.push(lines.length === 0 ? word : ` ${word}`);
    } else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join('\r\n');
}

/** Text of a header field without structure, such as Subject. */
export function headerText(text: string): string {
  const plain = printable(text);
  return ASCII.test(plain) ? plain : encodeWords(plain);
}

/** A mailbox with a name for people (RFC 5322 3.4). */
export function namedAddress(name: string, address: string): string {
  const plain = printable(name);
  const phrase = ASCII.test(plain) ? `"${plain.replace(/[\\"]/g, '\\$&')}"` : encodeWords(plain);
  return `${phrase} <${address}>`;
}

/** One line of visible ASCII: for fields that machines read and that know no encoding (RFC 3464 2.1.2). */
export function asciiLine(text: string): string {
  return printable(text).replace(/[^\x20-\x7e]/g, '?');
}

/** Without control characters, on one line. */
function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
}

function encodePart({ type, text }: Part): string[] {
  // Replies of the other side are quoted: no control character of theirs goes on.
  const lines = text
    .toWellFormed()
    .replace(/[^\P{Cc}\t\n]/gu, '?')
    .replace(/\n$/, '')
    .split('\n');
  const isPlain = lines.every((line) => ASCII.test(line) && line.length <= LINE_MAX);
  return [
    `Content-Type: ${type}`,
    `Content-Transfer-Encoding: ${isPlain ? '7bit' : 'quoted-printable'}`,
    '',
    ...(isPlain ? lines : lines.flatMap(quotedPrintable)),
    '',
  ];
}

/** One line as quoted-printable lines (RFC 2045 6.7). */
function quotedPrintable(line: string): string[] {
  const lines: string[] = [];
  let current = '';
  const bytes = Buffer.from(line, 'utf8');
  for (const [index, byte] of bytes.entries()) {
    const token = quotedByte(byte, index === bytes.length - 1);
    if (current.length + token.length > ENCODED_LINE_MAX - 1) {
      lines.push(`${current}=`);
      current = '';
    }
    current += token;
  }
  return [...lines, current];
}

/** Blanks at the end of a line get lost on the way, so they are encoded there. */
function quotedByte(byte: number, isLast: boolean): string {
  const isBlank = byte === 0x20 || byte === 0x09;
  const isLiteral = isBlank ? !isLast : byte > 0x20 && byte < 0x7f && byte !== 0x3d;
  return isLiteral ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/**
 * The one pass over a message on its way into the spool: line ends, header, body lines. Bytes that need nothing
 * pass as they came, and memory stays flat: the header block and one line are all that is held.
 */
import { createHeaderReader, type Field, fieldValue, type HeaderRead } from '../../core/header-reader.ts';
import { type PartialFacts, partialFacts } from '../../core/message-partial.ts';
import type { Repair } from '../../core/repairs.ts';
import { type HeaderFacts, repairHeader } from './header-repair.ts';
import { createLineEnds } from './line-ends.ts';
import { createLongLines, type LongLines } from './long-lines.ts';

export interface RepairOptions extends HeaderFacts {
  headerBytesMax: number;
}

export interface RepairPass {
  /**
   * What may go on now, or null when the header is larger than the limit.
   * @param isSound whether the line ends of `chunk` are known to need nothing.
   */
  write(chunk: Buffer, isSound?: boolean): Buffer[] | null;
  end(): Buffer[] | null;
  /** True once the body has begun. */
  hasBody(): boolean;
  /** Whether this is a part of a split message; known once the header has ended. */
  partial(): PartialFacts | null;
  /** Whether a machine wrote it by itself (RFC 3834 section 5); known once the header has ended. */
  isAutomatic(): boolean;
  /** Known once the header has ended. */
  messageId(): string;
  /** What had to be repaired so far, in the order it was found. */
  repairs(): readonly Repair[];
}

export function createRepairPass(options: RepairOptions): RepairPass {
  const repairs: Repair[] = [];
  const note = (repair: Repair) => {
    if (!repairs.includes(repair)) repairs.push(repair);
  };
  const lineEnds = createLineEnds(note);
  const reader = createHeaderReader(options.headerBytesMax);
  let messageId = options.messageId;
  let partial: PartialFacts | null = null;
  let automatic = false;
  let body: LongLines | null = null;

  function begin({ fields, isSeparated, body: rest }: HeaderRead): Buffer[] | null {
    if (!isSeparated) note('blank-line');
    const header = repairHeader(fields, options, note);
    // The routes read it under the same limit.
    if (header.bytes.length > options.headerBytesMax) return null;
    messageId = header.messageId;
    partial = partialFacts(fields);
    automatic = fields.some(isAutomatic);
    const encoding = fields.find(({ name }) => name === 'content-transfer-encoding');
    const isQuotedPrintable =
      encoding !== undefined && fieldValue(encoding).toLowerCase() === 'quoted-printable';
    body = createLongLines(isQuotedPrintable, note);
    return [header.bytes, ...body.write(rest)];
  }

  function take(bytes: Buffer): Buffer[] | null {
    if (bytes.length === 0) return [];
    if (body) return body.write(bytes);
    const read = reader.write(bytes);
    if (read === null) return [];
    return read === 'too-large' ? null : begin(read);
  }

  return {
    write: (chunk, isSound = false) => take(lineEnds.write(chunk, isSound)),
    end() {
      const last = take(lineEnds.end());
      const rest = last && !body ? begin(reader.end()) : [];
      return last && rest && [...last, ...rest, ...(body?.end() ?? [])];
    },
    hasBody: () => body !== null,
    partial: () => partial,
    isAutomatic: () => automatic,
    messageId: () => messageId,
    repairs: () => repairs,
  };
}

/** Any keyword but `no`; what follows a semicolon are parameters. */
function isAutomatic(field: Field): boolean {
  return field.name === 'auto-submitted' && !/^no\s*(?:[;(]|$)/i.test(fieldValue(field));
}

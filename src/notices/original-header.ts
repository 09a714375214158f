/**
 * Of the scan's header what a notice returns (RFC 6522 section 3, text/rfc822-headers): where it came from, and to whom
 * it was. Scans are confidential: the subject stays in the box, and so do the fields that may name a file.
 */
import type { Readable } from 'node:stream';
import { createHeaderReader, type Field } from '../core/header-reader.ts';
import { LIMITS } from '../core/limits.ts';

const RETURNED = new Set([
  ...['received', 'date', 'from', 'sender', 'reply-to', 'to', 'cc', 'message-id', 'mime-version'],
  ...['x-mailer', 'user-agent', 'auto-submitted'],
]);

/** The fields that may be returned, lines parted by LF; null when the header can't be read. Closes `body`. */
export async function returnedHeader(body: Readable): Promise<string | null> {
  try {
    const fields = await readFields(body);
    const text = fields
      ?.filter(({ name }) => RETURNED.has(name))
      .map(({ raw }) => raw.replaceAll('\r\n', '\n').replace(/[^\n\t\x20-\x7e]/g, '?'))
      .join('');
    return text === undefined || text === '' ? null : text;
  } finally {
    body.destroy();
  }
}

async function readFields(body: Readable): Promise<Field[] | null> {
  const reader = createHeaderReader(LIMITS.headerBytesMax);
  for await (const chunk of body) {
    const read = reader.write(chunk);
    if (read === 'too-large') return null;
    if (read !== null) return read.fields;
  }
  return reader.end().fields;
}

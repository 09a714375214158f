/** The text of a message as steps of a session file: which fields it has and how it is built, and nothing it says. */
import { createHeaderReader, type Field, fieldValue } from '../core/header-reader.ts';
import { LIMITS } from '../core/limits.ts';
import { partialFacts } from '../core/message-partial.ts';

export interface TextScrubber {
  take(chunk: Buffer): void;
  /** The steps from the first field to the final dot. */
  lines(): string[];
}

/** Base64 that stands for a body in a replay; the true size is told beside it. */
const FILLER_MAX = 64 * 1024;
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9-]{0,40}$/;
const ENCODING = /^(?:7bit|8bit|binary|base64|quoted-printable)$/i;
const BOUNDARY = 'cut';

export function createTextScrubber(): TextScrubber {
  const reader = createHeaderReader(LIMITS.headerBytesMax);
  let read: ReturnType<typeof reader.end> | null = null;
  let isTooLarge = false;
  let bytes = 0;
  let inHeader = 0;

  return {
    take(chunk) {
      bytes += chunk.length;
      if (read !== null || isTooLarge) return;
      const step = reader.write(chunk);
      if (step === 'too-large') isTooLarge = true;
      else if (step !== null) {
        read = step;
        inHeader = bytes - step.body.length;
      }
    },
    lines() {
      if (isTooLarge) return ['# its header is too large to be shown', ...bodyLines(bytes, null), 'C: .'];
      const { fields } = read ?? reader.end();
      const partial = partialFacts(fields);
      const type = fields.find(({ name }) => name === 'content-type');
      const isMultipart = type !== undefined && /^multipart\//i.test(fieldValue(type).trim());
      const bodyBytes = Math.max(0, bytes - inHeader);
      return [
        ...fields.flatMap(fieldLine),
        ...others(fields),
        'C:',
        ...(partial?.number === 1 ? ['C: Subject: Scan', 'C: Content-Type: application/pdf', 'C:'] : []),
        ...bodyLines(bodyBytes, isMultipart ? BOUNDARY : null),
        'C: .',
      ];
    },
  };
}

function bodyLines(bytes: number, boundary: string | null): string[] {
  const shown = Math.max(1, Math.min(bytes, FILLER_MAX));
  const filler = [
    ...(shown < bytes ? [`# its body has ${bytes} bytes; ${shown} stand for it`] : []),
    `F: ${shown}`,
  ];
  if (boundary === null) return filler;
  const part = ['C: Content-Type: application/pdf', 'C: Content-Transfer-Encoding: base64', 'C:'];
  return [`C: --${boundary}`, ...part, ...filler, `C: --${boundary}--`];
}

/** Values that name nobody; a field that is not here is told of by its name alone. */
const VALUES: Readonly<Record<string, (field: Field, fields: readonly Field[]) => string>> = {
  from: () => '<{{from}}>',
  sender: () => '<{{from}}>',
  'reply-to': () => '<{{from}}>',
  to: () => '<{{recipient}}>',
  cc: () => '<{{recipient}}>',
  subject: () => 'Scan',
  date: () => 'Tue, 24 Nov 2026 10:00:00 +0000',
  'message-id': () => '<1@device.example.com>',
  'mime-version': () => '1.0',
  'content-type': (field, fields) => contentType(field, fields),
  'content-transfer-encoding': (field) => {
    const encoding = fieldValue(field).trim();
    return ENCODING.test(encoding) ? encoding : 'base64';
  },
};

function fieldLine(field: Field, _index: number, fields: readonly Field[]): string[] {
  const value = VALUES[field.name];
  if (value === undefined) return [];
  const [spelling = field.name] = field.raw.split(':', 1);
  const name = spelling.trim().toLowerCase() === field.name ? spelling.trim() : field.name;
  return [`C: ${name}: ${value(field, fields)}`];
}

function contentType(field: Field, fields: readonly Field[]): string {
  const value = fieldValue(field).trim();
  const partial = partialFacts(fields);
  if (partial !== null) {
    const total = partial.total === null ? '' : `; total=${partial.total}`;
    return `message/partial; id="job"; number=${partial.number}${total}`;
  }
  const [type = ''] = /^[a-z0-9.+-]{1,40}\/[a-z0-9.+-]{1,60}/i.exec(value) ?? [];
  if (type === '') return 'application/octet-stream';
  return /^multipart\//i.test(type) ? `${type}; boundary="${BOUNDARY}"` : type;
}

function others(fields: readonly Field[]): string[] {
  const names = fields.flatMap(({ name }) =>
    VALUES[name] === undefined && FIELD_NAME.test(name) ? [name] : [],
  );
  const shown = [...new Set(names)].slice(0, 20);
  return shown.length === 0 ? [] : [`# it sends these fields as well: ${shown.join(', ')}`];
}

/** A scan as a copier makes it: a one-page PDF with a grey image, in the MIME message around it. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

export interface ScanMessageOptions {
  from: string;
  to: string[];
  subject: string;
  /** Wanted size of the PDF in bytes; the real one is within a line of the image. Small by default. */
  pdfBytes?: number;
  /** Words on the page. */
  caption?: string;
  fileName?: string;
  /** Left out, the message has no Date, as some copiers' have none (docs/reference/quirks.md Q14). */
  date?: Date;
  /** Left out, the message has no Message-ID. */
  messageId?: string;
}

const WIDTH_PX = 1240;
const PDF_BYTES_DEFAULT = 64 * 1024;
/** Base64 lines of 76 characters carry 57 bytes (RFC 2045 section 6.8). */
const LINE_BYTES = 57;
const LINES_AT_ONCE = 512;
const ROWS_AT_ONCE = 32;

/** The message as a stream with CRLF line ends; memory does not grow with its size. */
export function createScanMessage(options: ScanMessageOptions): Readable {
  return Readable.from(messageParts(options), { objectMode: false });
}

/** The PDF alone. */
export function createScanPdf(options: { pdfBytes?: number; caption?: string } = {}): Readable {
  return Readable.from(pdfParts(options), { objectMode: false });
}

function* messageParts(options: ScanMessageOptions): Generator<Buffer> {
  const boundary = `scan-${createHash('sha256').update(options.subject).digest('hex').slice(0, 16)}`;
  const name = options.fileName ?? 'scan.pdf';
  const headers = [
    `From: <${options.from}>`,
    `To: ${options.to.map((address) => `<${address}>`).join(', ')}`,
    `Subject: ${options.subject}`,
    ...(options.date ? [`Date: ${options.date.toUTCString().replace('GMT', '+0000')}`] : []),
    ...(options.messageId ? [`Message-ID: ${options.messageId}`] : []),
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
  ];
  const text = [
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'A scanned document is attached.',
    '',
    `--${boundary}`,
    `Content-Type: application/pdf; name="${name}"`,
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename="${name}"`,
  ];
  yield Buffer.from(`${[...headers, '', ...text, ''].join('\r\n')}\r\n`);
  yield* base64Lines(pdfParts(options));
  yield Buffer.from(`--${boundary}--\r\n`);
}

function* base64Lines(parts: Iterable<Buffer>): Generator<Buffer> {
  let pending: Buffer = Buffer.alloc(0);
  for (const part of parts) {
    pending = Buffer.concat([pending, part]);
    const whole = pending.length - (pending.length % LINE_BYTES);
    for (let from = 0; from < whole; from += LINE_BYTES * LINES_AT_ONCE) {
      yield encodeLines(pending.subarray(from, Math.min(whole, from + LINE_BYTES * LINES_AT_ONCE)));
    }
    pending = pending.subarray(whole);
  }
  if (pending.length > 0) yield encodeLines(pending);
}

function encodeLines(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('base64').replace(/.{1,76}/g, '$&\r\n'));
}

/** PDF 1.4: catalog, pages, page, image, drawing, font; the table of offsets is reckoned on the way. */
function* pdfParts(options: { pdfBytes?: number; caption?: string }): Generator<Buffer> {
  const rows = Math.max(8, Math.round(((options.pdfBytes ?? PDF_BYTES_DEFAULT) - 1400) / WIDTH_PX));
  const caption = (options.caption ?? 'Scanned document').replace(/[^ -~]/g, '?').replace(/[()\\]/g, '\\$&');
  const drawing = `q 595 0 0 780 0 0 cm /Im1 Do Q BT /F1 18 Tf 40 805 Td (${caption}) Tj ET`;
  const image = `<< /Type /XObject /Subtype /Image /Width ${WIDTH_PX} /Height ${rows} /ColorSpace /DeviceGray /BitsPerComponent 8 /Length ${WIDTH_PX * rows} >>`;
  const objects: Iterable<Buffer>[] = [
    [Buffer.from('<< /Type /Catalog /Pages 2 0 R >>')],
    [Buffer.from('<< /Type /Pages /Kids [3 0 R] /Count 1 >>')],
    [
      Buffer.from(
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /Im1 5 0 R >> /Font << /F1 6 0 R >> >> >>',
      ),
    ],
    [Buffer.from(`<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`)],
    imageObject(image, rows),
    [Buffer.from('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>')],
  ];
  const header = Buffer.from('%PDF-1.4\n%\u00e2\u00e3\u00cf\u00d3\n', 'latin1');
  yield header;
  let offset = header.length;
  const offsets: number[] = [];
  for (const [index, content] of objects.entries()) {
    offsets.push(offset);
    for (const piece of [Buffer.from(`${index + 1} 0 obj\n`), content, Buffer.from('\nendobj\n')]) {
      for (const bytes of Buffer.isBuffer(piece) ? [piece] : piece) {
        offset += bytes.length;
        yield bytes;
      }
    }
  }
  const table = offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('');
  const size = objects.length + 1;
  yield Buffer.from(
    `xref\n0 ${size}\n0000000000 65535 f \n${table}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${offset}\n%%EOF\n`,
  );
}

function* imageObject(dictionary: string, rows: number): Generator<Buffer> {
  yield Buffer.from(`${dictionary}\nstream\n`);
  for (let done = 0; done < rows; done += ROWS_AT_ONCE) {
    paper ??= grain(ROWS_AT_ONCE * WIDTH_PX);
    yield paper.subarray(0, Math.min(ROWS_AT_ONCE, rows - done) * WIDTH_PX);
  }
  yield Buffer.from('\nendstream');
}

/** Light grey with the grain of a scanner's glass: bytes that compress as badly as real scans (xorshift32). */
let paper: Buffer | null = null;

function grain(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 0x9e3779b9;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = 200 + ((state >>> 0) % 56);
  }
  return bytes;
}

/** The messages that must arrive byte for byte: the files of test/corpus, and large scans made on the fly. */
import { createCipheriv, createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface CorpusMessage {
  /** File name without its ending, such as `dot-lines`. */
  name: string;
  /** Headers and content, CRLF line ends, not dot-stuffed. */
  bytes: Buffer;
}

const FOLDER = fileURLToPath(new URL('../corpus/', import.meta.url));

/** Every message of the corpus, by name. */
export async function readCorpus(): Promise<CorpusMessage[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.eml')).sort();
  return Promise.all(
    files.map(async (file) => ({
      name: file.slice(0, -'.eml'.length),
      bytes: await readFile(`${FOLDER}${file}`),
    })),
  );
}

/** How a message looks after SMTP: the last line has an end, because the final dot stands on a line of its own. */
export function afterSmtp(bytes: Buffer): Buffer {
  const lineEnd = Buffer.from('\r\n');
  return bytes.subarray(-2).equals(lineEnd) ? bytes : Buffer.concat([bytes, lineEnd]);
}

export interface ScanOptions {
  /** The same seed makes the same bytes. */
  seed: string;
  /** Size of the attached PDF in bytes; base64 makes the message over a third larger. */
  pdfBytes: number;
}

/** A message with one scanned page as PDF: noise that no compression shortens. */
export function buildScan({ seed, pdfBytes }: ScanOptions): Buffer {
  const base64 = buildPdf(seed, pdfBytes).toString('base64');
  const boundary = '=_scan';
  const head = [
    'From: Copier second floor <copier@contoso.com>',
    'To: Front desk <desk@contoso.com>',
    `Subject: Scan ${seed}`,
    'Date: Tue, 24 Nov 2026 08:00:00 +0000',
    `Message-ID: <${createHash('sha256').update(seed).digest('hex').slice(0, 16)}@copier.contoso.com>`,
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: application/pdf; name="scan.pdf"',
    'Content-Disposition: attachment; filename="scan.pdf"',
    'Content-Transfer-Encoding: base64',
    '',
    '',
  ].join('\r\n');
  return Buffer.from(`${head}${base64.replace(/.{1,76}/g, '$&\r\n')}--${boundary}--\r\n`, 'latin1');
}

const PAGE_WIDTH_PX = 2480;
/** What the objects around the image take at most. */
const PDF_FRAME_BYTES = 1024;

/** One page with one grey image of noise, padded by a comment to exactly `size` bytes. */
function buildPdf(seed: string, size: number): Buffer {
  const rows = Math.max(1, Math.floor((size - PDF_FRAME_BYTES) / PAGE_WIDTH_PX));
  const image = noise(seed, rows * PAGE_WIDTH_PX);
  const contents = 'q 595 0 0 842 0 0 cm /Im Do Q';
  const objects = [
    Buffer.from('<< /Type /Catalog /Pages 2 0 R >>'),
    Buffer.from('<< /Type /Pages /Kids [3 0 R] /Count 1 >>'),
    Buffer.from(
      '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /Im 5 0 R >> >> >>',
    ),
    Buffer.from(`<< /Length ${contents.length} >>\nstream\n${contents}\nendstream`),
    Buffer.concat([
      Buffer.from(
        `<< /Type /XObject /Subtype /Image /Width ${PAGE_WIDTH_PX} /Height ${rows} /ColorSpace /DeviceGray /BitsPerComponent 8 /Length ${image.length} >>\nstream\n`,
      ),
      image,
      Buffer.from('\nendstream'),
    ]),
  ];
  const pieces: Buffer[] = [Buffer.from('%PDF-1.4\n')];
  let length = 9;
  const offsets = objects.map((object, index) => {
    const offset = length;
    const piece = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), object, Buffer.from('\nendobj\n')]);
    pieces.push(piece);
    length += piece.length;
    return offset;
  });
  const table = ['0000000000 65535 f ', ...offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n `)];
  const tail = (padding: string, at: number) =>
    Buffer.from(
      `${padding}xref\n0 ${table.length}\n${table.join('\n')}\ntrailer\n<< /Size ${table.length} /Root 1 0 R >>\nstartxref\n${at}\n%%EOF\n`,
    );
  const missing = Math.max(2, size - length - tail('', length + PDF_FRAME_BYTES).length);
  const padding = `%${'.'.repeat(missing - 2)}\n`;
  return Buffer.concat([...pieces, tail(padding, length + padding.length)]);
}

/** Pseudo-random bytes that depend on the seed alone: the key stream of AES-128 in counter mode. */
function noise(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** The corpus holds the shapes that its names promise, and git has left its bytes alone. */
import { describe, expect, it } from 'vitest';
import { afterSmtp, buildScan, readCorpus } from './corpus.ts';

const corpus = new Map((await readCorpus()).map(({ name, bytes }) => [name, bytes]));

function text(name: string): string {
  return corpus.get(name)?.toString('latin1') ?? '';
}

describe('the corpus', () => {
  it('has CRLF line ends alone', () => {
    for (const [name, bytes] of corpus) {
      expect(bytes.toString('latin1').replaceAll('\r\n', ''), name).not.toMatch(/[\r\n]/);
    }
  });

  it('has no line that RFC 5321 forbids', () => {
    for (const [name, bytes] of corpus) {
      const longest = Math.max(
        ...bytes
          .toString('latin1')
          .split('\r\n')
          .map((line) => line.length),
      );
      expect(longest, name).toBeLessThanOrEqual(998);
    }
  });

  it.each([
    ['dot-lines', /\r\n\.\r\n\.\.\r\n\.\.\.\r\n\.hidden\r\n[\s\S]*\r\n\.\r\n$/],
    ['eight-bit', /^From: K\xfcche[\s\S]*\r\n\r\n[\s\S]*\xff/],
    ['empty-body', /[^\n]\r\n\r\n$/],
    ['header-only', /^(?:[^\r\n]+\r\n)+$/],
    ['no-final-newline', /[^\r\n]$/],
    ['long-lines', /\r\n[^\r\n]{998}\r\n/],
    ['encoded-subject', /^Subject: =\?utf-8\?Q\?.*\r\n =\?/m],
    [
      'nested-multipart',
      /multipart\/mixed[\s\S]*multipart\/related[\s\S]*multipart\/alternative[\s\S]*message\/rfc822/,
    ],
    ['pdf-attachment', /application\/pdf[\s\S]*\r\n\r\nJVBERi0/],
    ['plain', /\r\n\r\n/],
  ])('has the shape of %s', (name, shape) => {
    expect(text(name)).toMatch(shape);
  });
});

describe('afterSmtp', () => {
  it('ends the last line, once', () => {
    expect(afterSmtp(Buffer.from('a')).toString()).toBe('a\r\n');
    expect(afterSmtp(Buffer.from('a\r\n')).toString()).toBe('a\r\n');
  });
});

describe('buildScan', () => {
  it('makes the same bytes from the same seed, and others from another', () => {
    const scan = buildScan({ seed: 'one', pdfBytes: 100_000 });
    expect(buildScan({ seed: 'one', pdfBytes: 100_000 }).equals(scan)).toBe(true);
    expect(buildScan({ seed: 'two', pdfBytes: 100_000 }).equals(scan)).toBe(false);
  });

  it('attaches a PDF of the size asked for, whose cross-reference table is where it says', () => {
    const message = buildScan({ seed: 'size', pdfBytes: 100_000 }).toString('latin1');
    const base64 = message.slice(message.lastIndexOf('\r\n\r\n'), message.lastIndexOf('--=_scan--'));
    const pdf = Buffer.from(base64, 'base64');
    expect(pdf.length).toBe(100_000);
    const start = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(pdf.toString('latin1'))?.[1]);
    expect(pdf.subarray(start, start + 5).toString()).toBe('xref\n');
  });

  it('stays below the size limit of the product for a PDF of 25 MiB', () => {
    const message = buildScan({ seed: 'large', pdfBytes: 25 * 1024 * 1024 });
    expect(message.length).toBeLessThan(36_700_160);
  });
});

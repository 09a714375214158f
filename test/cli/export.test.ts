/** An exported scan is whole or not there; lists fit the terminal; times are read as people write them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CliContext } from '../../src/cli/context.ts';
import { exportBody } from '../../src/cli/export.ts';
import { filterOf, nextPageHint, pageOf } from '../../src/cli/filter.ts';
import { formatTable } from '../../src/cli/output.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-export-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A command line whose agent gives this body; nothing else of it is used. */
function contextWith(body: () => Readable): CliContext {
  const parts: Pick<CliContext, 'asJson' | 'output'> & { client(): { body(): Promise<Readable> } } = {
    client: () => ({ body: async () => body() }),
    asJson: () => false,
    output: { line: () => {}, error: () => {}, json: () => {} },
  };
  // The export asks for no more than these.
  return parts as unknown as CliContext;
}

async function* cutOff() {
  yield Buffer.from('Subject: x\r\n');
  throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

describe('export', () => {
  test('to a folder names the file after the message, for its owner only', async () => {
    await exportBody(
      contextWith(() => Readable.from([Buffer.from('body')])),
      'abc',
      folder,
    );
    expect(readdirSync(folder)).toEqual(['abc.eml']);
    expect(readFileSync(path.join(folder, 'abc.eml'), 'utf8')).toBe('body');
    expect(statSync(path.join(folder, 'abc.eml')).mode & 0o777).toBe(0o600);
  });

  test('that breaks off leaves what was there before, and says so', async () => {
    const file = path.join(folder, 'scan.eml');
    writeFileSync(file, 'earlier');
    await expect(
      exportBody(
        contextWith(() => Readable.from(cutOff())),
        'abc',
        file,
      ),
    ).rejects.toMatchObject({
      explanation: { code: 'cli.export-broken' },
    });
    expect(readdirSync(folder)).toEqual(['scan.eml']);
    expect(readFileSync(file, 'utf8')).toBe('earlier');
  });

  test.each([
    ['a folder that is not there', (own: string) => path.join(own, 'no', 'scan.eml')],
    ['a name that is too long', (own: string) => path.join(own, 'x'.repeat(300))],
  ])('to %s is refused in a sentence', async (_name, target) => {
    mkdirSync(path.join(folder, 'other'));
    const file = target(folder);
    await expect(
      exportBody(
        contextWith(() => Readable.from([Buffer.from('x')])),
        'abc',
        file,
      ),
    ).rejects.toMatchObject({
      explanation: { code: 'cli.not-writable', cause: expect.stringContaining(file) },
    });
    expect(readdirSync(folder)).toEqual(['other']);
  });
});

/** What stands in a column, each row put together again. */
function readDown(text: string, header: string): string[] {
  const [head = '', ...lines] = text.split('\n');
  const start = head.indexOf(header);
  const cells: string[] = [];
  for (const line of lines) {
    const piece = line.slice(start).trim();
    if (/^\S/.test(line)) cells.push(piece);
    else cells.push(`${cells.pop() ?? ''}${piece}`);
  }
  return cells;
}

describe('a table', () => {
  const rows = [
    ['1m85zfedmb5nafh9', 'copier-on-the-second-floor', 'a.very.long.name@department.contoso.com'],
    ['1m85zfedmb5nafha', 'copier', 'ann@contoso.com'],
  ];

  test.each([60, 72, 80, 100])('fits %i columns and never cuts an id', (width) => {
    const text = formatTable(
      ['ID', 'DEVICE', 'RECIPIENT'],
      rows,
      ['A sentence below it. '.repeat(8).trim()],
      width,
    );
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(width);
    for (const [id = ''] of rows) expect(text).toContain(id);
    // Nothing is lost: what the columns of a row hold, read downwards, is its cells.
    expect(text).not.toContain('…');
    const plain = formatTable(['ID', 'DEVICE', 'RECIPIENT'], rows, [], width);
    expect(readDown(plain, 'RECIPIENT')).toEqual(rows.map(([, , recipient]) => recipient));
  });

  test('breaks a time between its day and its hour, and an address behind a sign', () => {
    const text = formatTable(
      ['ID', 'RECEIVED', 'DEVICE', 'SIZE', 'STATE', 'RECIPIENT'],
      [
        [
          '1m8my3cwat667bcv',
          '2026-11-30 00:36:27',
          'printer-lobby',
          '88.0 KB',
          'delivered',
          'office@contoso.com',
        ],
      ],
      [],
      80,
    );
    expect(text).toMatch(/ 2026-11-30 {2,}.* office@/);
    expect(text).toMatch(/^ +00:36:27 .*contoso\.com$/m);
  });

  test('is whole where there is no terminal', () => {
    expect(formatTable(['ID', 'DEVICE', 'RECIPIENT'], rows)).toContain(
      'a.very.long.name@department.contoso.com',
    );
  });

  test('of very many rows is still one', () => {
    const many = Array.from({ length: 200_000 }, (_, index) => [String(index), 'x']);
    expect(formatTable(['ID', 'X'], many).split('\n')).toHaveLength(200_001);
  });
});

describe('a time', () => {
  const sinceOf = (since: string) => filterOf('queue', { since }).since ?? Number.NaN;

  test.each([
    ['30m', 30 * 60_000],
    ['2h', 2 * 3_600_000],
    ['3d', 3 * 86_400_000],
    ['1w', 7 * 86_400_000],
  ])('%s is that long ago', (text, ms) => {
    expect(Math.abs(Date.now() - ms - sinceOf(text))).toBeLessThan(5000);
  });

  test('is a day of the box, or a minute of it', () => {
    expect(sinceOf('2026-11-24')).toBe(new Date(2026, 10, 24).getTime());
    expect(sinceOf('2026-11-24T08:30')).toBe(new Date(2026, 10, 24, 8, 30).getTime());
    expect(sinceOf('2026-11-24T08:30:00Z')).toBe(Date.UTC(2026, 10, 24, 8, 30));
  });

  test.each(['yesterday', '2h30', '24.11.2026', '2026-13-01', '7', 'h'])('is not %s', (text) => {
    expect(() => sinceOf(text)).toThrow('--since takes a time such as');
  });
});

test('a page says where the next one begins, and the last one that there is none', () => {
  const messages = ['c', 'b', 'a'].map((id) => ({ head: { id } }));
  expect(pageOf(messages, 2)).toEqual({ messages: messages.slice(0, 2), next: 'b' });
  expect(pageOf(messages, 3)).toEqual({ messages, next: null });
  const options = {
    state: ['failed', 'held'] as ('failed' | 'held')[],
    sender: "o'neil@contoso.com",
    limit: '2',
  };
  expect(nextPageHint('queue list', options, 'b')).toBe(
    "More: scanferry queue list --state failed held --sender 'o'\\''neil@contoso.com' --limit 2 --before b",
  );
});

/** Whatever code a person can meet is explained in the reference. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');
const reference = ['errors.md', 'replies.md']
  .map((name) => readFileSync(path.join(ROOT, 'docs/reference', name), 'utf8'))
  .join('\n');

test('every error code in the source stands in docs/reference', () => {
  const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.startsWith('sandbox/'),
  );
  const codes = sources.flatMap((name) =>
    [...readFileSync(path.join(ROOT, 'src', name), 'utf8').matchAll(/code: '([a-z-]+\.[a-z.-]+)'/g)].map(
      (match) => match[1] ?? '',
    ),
  );
  expect(codes.length).toBeGreaterThan(30);
  expect(codes.filter((code) => !reference.includes(`\`${code}\``))).toEqual([]);
});

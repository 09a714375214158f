/** What the docs name is there: files, headings, rooms, and who may import whom. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOMS_MAY_IMPORT } from './rooms.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

const pages = ['.', 'docs', 'packaging', 'firmware-profiles', 'scripts', 'test'].flatMap((folder) =>
  readdirSync(path.join(ROOT, folder), { recursive: folder !== '.', encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => {
      const file = path.join(folder, name);
      return { file, text: readFileSync(path.join(ROOT, file), 'utf8') };
    }),
);

function textOf(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** As GitHub names the place of a heading. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function deadLinks({ file, text }: { file: string; text: string }): string[] {
  // A setting such as routes[](submission) is no link.
  const links = text.replace(/`[^`\n]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g);
  return [...links].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [target = '', anchor] = link.split('#');
    const place = target === '' ? file : path.join(path.dirname(file), target);
    const isThere = existsSync(path.join(ROOT, place));
    const isFound = isThere && (anchor === undefined || anchorsOf(textOf(place)).includes(anchor));
    return isFound ? [] : [`${file}: ${link}`];
  });
}

test('every link leads somewhere', () => {
  expect(pages.flatMap(deadLinks)).toEqual([]);
});

test('every path of the tree that a page names is there', () => {
  const named = pages
    .filter(({ file }) => file !== 'CHANGELOG.md')
    .flatMap(({ file, text }) =>
      [...text.matchAll(/`((?:src|scripts|test|docs|packaging|firmware-profiles)\/[\w./-]+)`/g)].map(
        ([, name = '']) => ({ file, name }),
      ),
    );
  expect(named.length).toBeGreaterThan(50);
  const missing = named.filter(({ name }) => !existsSync(path.join(ROOT, name)));
  expect(missing.map(({ file, name }) => `${file}: ${name}`)).toEqual([]);
});

test('the map of the architecture has a row for each folder of src', () => {
  const map = textOf('docs/architecture.md');
  const folders = readdirSync(path.join(ROOT, 'src'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  expect(folders.filter(({ name }) => !map.includes(`\n| \`${name}\` |`)).map(({ name }) => name)).toEqual(
    [],
  );
});

test('the map says of each room whom it may import as the rules have it', () => {
  const rows = [...textOf('docs/architecture.md').matchAll(/^\| `(\w+)` \| .* \| ([a-z, –]+) \|$/gm)];
  const told = rows
    .map(([, room = '', list = '']) => [room, list === '–' ? [] : list.split(', ')] as const)
    // Some are told in words.
    .filter(
      ([room, list]) => ROOMS_MAY_IMPORT[room] !== undefined && list.every((one) => !one.includes(' ')),
    );
  expect(told.length).toBeGreaterThan(20);
  for (const [room, list] of told)
    expect([room, ...[...list].sort()]).toEqual([room, ...[...(ROOMS_MAY_IMPORT[room] ?? [])].sort()]);
});

/** Style is a failing test: which room may import which, who alone uses a library, how files open. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAY_IMPORT } from './rooms.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SRC = path.join(ROOT, 'src');

/** Libraries that stay behind one room's door. */
const ONLY_USER: Record<string, readonly string[]> = {
  'smtp-server': ['intake'],
  nodemailer: ['routes'],
  'better-sqlite3': ['fleet', 'spool'],
  aedes: ['sandbox'],
  '@azure/msal-node': ['routes'],
  commander: ['cli'],
  yaml: ['config'],
  systeminformation: ['health'],
};

/** The clock is injected, so that tests can move it. A socket's own setTimeout is its idle limit and stays allowed. */
const TIME_CALLS = /(?<![.\w])(Date\.now\(\)|new Date\(\)|setTimeout\(|setInterval\()/;
const MAY_READ_TIME = new Set([
  'core/clock.ts',
  'cli/filter.ts',
  'cli/fleet-pack.ts',
  'cli/backup.ts',
  'cli/check.ts',
  'cli/init-run.ts',
  'cli/restore.ts',
  'cli/queue.ts',
  'cli/routes.ts',
  'cli/support-bundle.ts',
  'run/command-line.ts',
]);

/** The simulated devices, and the look at a device's own certificate, over which nothing is sent. */
const MAY_SEE_ANY_CERTIFICATE: ReadonlySet<string | null> = new Set(['sandbox', 'discovery']);

interface SourceFile {
  name: string;
  room: string | null;
  text: string;
}

const files: SourceFile[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.generated.ts'))
  .sort()
  .map((name) => ({
    name,
    room: name.includes('/') ? (name.split('/')[0] ?? null) : null,
    text: readFileSync(path.join(SRC, name), 'utf8'),
  }));

const IMPORTS = /^(?:import|export)\s[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm;

/** What a file imports or re-exports, types and what is loaded later included. */
function importsOf(file: SourceFile): string[] {
  return [...file.text.matchAll(IMPORTS)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function roomOf(file: SourceFile, target: string): string | null {
  if (!target.startsWith('.')) return null;
  const resolved = path.relative(SRC, path.resolve(SRC, path.dirname(file.name), target));
  return resolved.includes('/') && !resolved.startsWith('..') ? (resolved.split('/')[0] ?? null) : null;
}

describe('rooms', () => {
  test('every folder of src is a room of the table', () => {
    const rooms = new Set(files.flatMap((file) => (file.room === null ? [] : [file.room])));
    expect([...rooms].filter((room) => MAY_IMPORT[room] === undefined)).toEqual([]);
  });

  test('import only the rooms they may', () => {
    const forbidden = files.flatMap((file) =>
      importsOf(file).flatMap((target) => {
        const room = roomOf(file, target);
        if (file.room === null || room === null || room === file.room) return [];
        return MAY_IMPORT[file.room]?.includes(room) ? [] : [`${file.name} imports ${target}`];
      }),
    );
    expect(forbidden).toEqual([]);
  });

  test('leave agent.ts and main.ts to those who run them', () => {
    const forbidden = files.flatMap((file) =>
      file.room === null || file.room === 'run'
        ? []
        : importsOf(file)
            .filter((target) => target.startsWith('.') && roomOf(file, target) === null)
            .map((target) => `${file.name} imports ${target}`),
    );
    expect(forbidden.filter((line) => !line.endsWith('/package.json'))).toEqual([]);
  });

  test.each(Object.entries(ONLY_USER))('%s is used by %s alone', (library, rooms) => {
    const users = files
      .filter((file) =>
        importsOf(file).some((target) => target === library || target.startsWith(`${library}/`)),
      )
      .map((file) => file.room);
    expect([...new Set(users)].sort()).toEqual(rooms);
  });
});

const ENTRIES = new Set([
  ...['main.ts', 'spool-thread.ts', 'intake/issuer-process.ts'],
  ...['program/bundle-head.ts', 'program/bundle-loader.ts'],
]);

/** Functions and values that a file exports; types are part of what they describe. */
const EXPORTS = /^export (?:async )?(?:function\*?|const|class) (\w+)/gm;
const NAMED_IMPORT = /(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'(\.[^']+)'/g;
const WHOLE_IMPORT = /(?:\* as \w+ from |import\()'(\.[^']+)'/g;

/** All that is imported anywhere, as `<path>#<name>`; `<path>#*` where a file is imported as a whole. */
function importedNames(): Set<string> {
  const sources = ['src', 'test', 'scripts'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => path.join(ROOT, folder, name)),
  );
  return new Set(
    sources.flatMap((source) => {
      const text = readFileSync(source, 'utf8');
      const pathOf = (target: string) => path.relative(SRC, path.resolve(path.dirname(source), target));
      const named = [...text.matchAll(NAMED_IMPORT)].flatMap(([, names = '', target = '']) =>
        names.split(',').map((name) => `${pathOf(target)}#${/(?:type )?(\w*)/.exec(name.trim())?.[1]}`),
      );
      const whole = [...text.matchAll(WHOLE_IMPORT)].map(([, target = '']) => `${pathOf(target)}#*`);
      return [...named, ...whole];
    }),
  );
}

describe('files', () => {
  test('open with a sentence on their duty', () => {
    expect(files.filter((file) => !file.text.startsWith('/**')).map((file) => file.name)).toEqual([]);
  });

  test('stay under 400 lines', () => {
    // A list of bounds, each with its reason, is looked up and not read.
    const read = files.filter((file) => file.name !== 'core/limits.ts');
    expect(read.filter((file) => file.text.split('\n').length > 400).map((file) => file.name)).toEqual([]);
  });

  test('read time and set timers only through the clock', () => {
    const offenders = files
      .filter((file) => !MAY_READ_TIME.has(file.name) && TIME_CALLS.test(file.text))
      .map((file) => file.name);
    expect(offenders).toEqual([]);
  });

  test('never switch certificate checks off towards the other side', () => {
    const offenders = files
      .filter(
        (file) =>
          !MAY_SEE_ANY_CERTIFICATE.has(file.room) &&
          /rejectUnauthorized:\s*false|NODE_TLS_REJECT/.test(file.text),
      )
      .map((file) => file.name);
    expect(offenders).toEqual([]);
  });

  test('carry no notes to ourselves', () => {
    expect(
      files.filter((file) => /\b(TODO|FIXME|XXX|HACK)\b/.test(file.text)).map((file) => file.name),
    ).toEqual([]);
  });

  test('export only what another one imports', () => {
    const imported = importedNames();
    const unused = files.flatMap(({ name, text }) =>
      ENTRIES.has(name) || imported.has(`${name}#*`)
        ? []
        : [...text.matchAll(EXPORTS)]
            .map(([, exported = '']) => `${name}#${exported}`)
            .filter((each) => !imported.has(each)),
    );
    expect(unused).toEqual([]);
  });

  test('are imported by another one, except for the entries', () => {
    const imported = new Set(
      files.flatMap((file) =>
        importsOf(file)
          .filter((target) => target.startsWith('.'))
          .map((target) => path.relative(SRC, path.resolve(SRC, path.dirname(file.name), target))),
      ),
    );
    expect(
      files.filter((file) => !ENTRIES.has(file.name) && !imported.has(file.name)).map((file) => file.name),
    ).toEqual([]);
  });
});

/** The catalogue: what the tree holds, what the bundle holds, and what is refused. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalogueModule, findProfiles } from '../../scripts/generate-catalogue.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { loadCatalogue } from '../../src/profiles/load-catalogue.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const PLAIN = {
  ...{ id: 'generic/plain', title: 'Plain', status: 'stub' },
  evidence: [{ field: 'tls.mode', grade: 'reported', source: 'somewhere', date: '2026-11-23' }],
};

test('the generated module fits the folder', () => {
  const generated = readFileSync(path.join(ROOT, 'src', 'profiles', 'catalogue.generated.ts'), 'utf8');
  expect(generated, 'run: node scripts/generate-catalogue.ts').toBe(catalogueModule(findProfiles()));
});

test('the built-in catalogue holds the generic profiles', () => {
  expect([...builtInCatalogue().keys()]).toEqual(
    expect.arrayContaining(['generic/plain', 'generic/tls1.0', 'generic/implicit', 'generic/modern']),
  );
});

describe('loading', () => {
  test.each([
    [
      'an id that does not fit the folder',
      [{ path: 'generic/other/profile.json', json: PLAIN }],
      'does not fit the folder',
    ],
    [
      'an id used twice',
      [
        { path: 'generic/plain/profile.json', json: PLAIN },
        { path: 'generic/plain/profile.json', json: PLAIN },
      ],
      'used twice',
    ],
    ['an unknown key', [{ path: 'generic/plain/profile.json', json: { ...PLAIN, colour: 'red' } }], 'colour'],
    ['no evidence', [{ path: 'generic/plain/profile.json', json: { ...PLAIN, evidence: [] } }], 'evidence'],
    [
      'a mechanism nobody can verify',
      [{ path: 'generic/plain/profile.json', json: { ...PLAIN, smtp: { advertise: { auth: ['NTLM'] } } } }],
      'auth',
    ],
    [
      'a quirk that is not in the table',
      [{ path: 'generic/plain/profile.json', json: { ...PLAIN, smtp: { quirks: ['helo-only', 'moody'] } } }],
      'smtp.quirks[1]',
    ],
  ])('refuses %s', (_name, raw, message) => {
    expect(() => loadCatalogue(raw)).toThrow(message);
  });

  test('keeps the quirks that a profile names', () => {
    const json = { ...PLAIN, smtp: { quirks: ['helo-only', 'path-bare'] } };
    const catalogue = loadCatalogue([{ path: 'generic/plain/profile.json', json }]);
    expect(catalogue.get('generic/plain')?.smtp?.quirks).toEqual(['helo-only', 'path-bare']);
  });

  test('names every faulty file at once', () => {
    const raw = ['a/b', 'c/d'].map((id) => ({ path: `${id}/profile.json`, json: {} }));
    expect(() => loadCatalogue(raw)).toThrow(/a\/b\/profile\.json[\s\S]*c\/d\/profile\.json/);
  });
});

/** The catalogue: what the tree holds, what the bundle holds, and what is refused. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalogueModule, findProfiles } from '../../scripts/generate/catalogue.ts';
import { renderProfileSchema } from '../../scripts/generate/reference-profiles.ts';
import { rawProfiles } from '../../src/profiles/catalogue.generated.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { checkProfiles } from '../../src/profiles/check.ts';
import { claimsOf, covers, evidenceFaults } from '../../src/profiles/claims.ts';
import { loadCatalogue } from '../../src/profiles/load-catalogue.ts';
import { readProfileFolder } from '../../src/profiles/read-folder.ts';
import { GRADES } from '../../src/profiles/schema-evidence.ts';
import { profileSchema } from '../../src/profiles/types.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const PLAIN = {
  ...{ id: 'generic/plain', title: 'Plain', status: 'stub' },
  evidence: [{ field: 'tls.mode', grade: 'reported', source: 'somewhere', date: '2026-11-23' }],
};

test('the generated module fits the folder', () => {
  const generated = readFileSync(path.join(ROOT, 'src', 'profiles', 'catalogue.generated.ts'), 'utf8');
  expect(generated, 'run: node scripts/generate/catalogue.ts').toBe(catalogueModule(findProfiles()));
});

test('the schema for editors is that of the type', () => {
  const file = readFileSync(path.join(ROOT, 'firmware-profiles', 'profile.schema.json'), 'utf8');
  expect(file, 'run: make docs').toBe(renderProfileSchema());
  const { properties, required } = JSON.parse(file);
  expect(Object.keys(properties)).toEqual(Object.keys(profileSchema().shape));
  expect(required).toEqual(expect.arrayContaining(['id', 'title', 'status', 'evidence']));
});

test('the folder passes the check that contributions must pass', () => {
  const files = readProfileFolder(path.join(ROOT, 'firmware-profiles'));
  expect(checkProfiles(files, [])).toEqual([]);
  expect(files.filter(({ path: name }) => name.endsWith('/profile.json'))).toHaveLength(rawProfiles.length);
});

describe('a claim', () => {
  test('that nobody has a source for is a fault, whatever part it stands in', () => {
    const schema = profileSchema();
    for (const { path: name, json } of rawProfiles) {
      const profile = schema.parse(json);
      for (const claim of claimsOf(profile)) {
        const evidence = profile.evidence.filter(({ field }) => !covers(field, claim));
        const faults = evidenceFaults({ ...profile, evidence });
        expect(faults, `${name} without evidence for ${claim}`).toContain(`claims ${claim} without evidence`);
      }
    }
  });

  test('comes with grade, source and day in the whole catalogue, menus and error codes too', () => {
    for (const { evidence, setup = [], errors = [] } of builtInCatalogue().values()) {
      for (const { grade, source, date } of [...evidence, ...setup, ...errors]) {
        expect(Object.keys(GRADES)).toContain(grade);
        expect(source.trim().length).toBeGreaterThan(5);
        expect(date).toMatch(/^20\d\d-\d\d-\d\d$/);
      }
    }
  });

  test('taken over from the maker of a badge is no surer than the badge', () => {
    const oce = builtInCatalogue().get('oce/print-server');
    const kinship = oce?.evidence.find(({ field }) => field === 'oemOf')?.grade ?? 'measured';
    const inherited = oce?.evidence.filter(({ inheritedFrom }) => inheritedFrom !== undefined) ?? [];
    const order = Object.keys(GRADES);
    expect(inherited.length).toBeGreaterThan(0);
    for (const { grade } of inherited)
      expect(order.indexOf(grade)).toBeGreaterThanOrEqual(order.indexOf(kinship));
  });
});

test('the built-in catalogue, which is not checked at a start, is what a check makes of it', () => {
  expect(builtInCatalogue()).toEqual(loadCatalogue(rawProfiles));
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

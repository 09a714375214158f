/** Each folder of test/profiles/bad is one faulty contribution and the sentences it must be refused with. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { rawProfiles } from '../../src/profiles/catalogue.generated.ts';
import { checkProfiles } from '../../src/profiles/check.ts';
import { readProfileFolder } from '../../src/profiles/read-folder.ts';

const ROOT = path.join(import.meta.dirname, 'bad');

describe('a faulty contribution is refused with its file and what is wrong', () => {
  test.each(readdirSync(ROOT).sort())('%s', (name) => {
    const faults = checkProfiles(readProfileFolder(path.join(ROOT, name, 'profiles')), rawProfiles);
    const said = faults.map((fault) => `${fault.path}: ${fault.message}\n`).join('');
    expect(said).toBe(readFileSync(path.join(ROOT, name, 'expected.txt'), 'utf8'));
    expect(said).not.toBe('');
  });
});

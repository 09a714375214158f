/** Nothing that the doctor can say is untested. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { PROBLEMS } from '../../src/doctor/problems.ts';

/** Details don't matter here. */
const CODES = Object.values(PROBLEMS).map((row: (...details: never[]) => { code: string }) => row().code);

test('each code is expected by a test of this folder, which provokes it by the check itself', () => {
  const folder = import.meta.dirname;
  const tests = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
  const texts = tests.map((name) => readFileSync(path.join(folder, name), 'utf8')).join('\n');
  expect(CODES.filter((code) => !texts.includes(`'${code}'`))).toEqual([]);
});

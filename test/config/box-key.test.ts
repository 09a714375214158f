/** The key of a box that several programs ask for at its first start. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBoxKey } from '../../src/config/box-key.ts';
import { PRIVATE_MODE, writeNewDurably } from '../../src/config/files.ts';
import { startProcess } from '../support/processes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-box-key-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MODULE = path.resolve(import.meta.dirname, '../../src/config/box-key.ts');
/** Says that it is ready, opens the keys when it is told to, and says them. */
const PROGRAM = `
  import { openBoxKey } from ${JSON.stringify(MODULE)};
  process.stdin.once('end', () => {
    for (const folder of process.argv.slice(1)) console.log(openBoxKey(folder).toString('base64'));
  }).resume();
  console.error('ready');
`;

test('all of them get the same one, and it is the one on the disk', async () => {
  const folders = Array.from({ length: 20 }, (_, index) => path.join(folder, `box-${index}`));
  const programs = [1, 2].map(() =>
    startProcess(process.execPath, ['--input-type=module', '--eval', PROGRAM, ...folders]),
  );
  await Promise.all(programs.map((program) => program.waitForLine(/ready/)));
  for (const { stdin } of programs) stdin.end();
  await Promise.all(programs.map((program) => program.waitForExit()));
  const said = programs.map(({ stdout }) => stdout().trim().split('\n'));
  const kept = folders.map((each) => readFileSync(path.join(each, 'box.key'), 'utf8').trim());
  expect(said).toEqual([kept, kept]);
  expect(folders.flatMap((each) => readdirSync(each)).filter((name) => name !== 'box.key')).toEqual([]);
});

test('one that another has just written stays as it is', () => {
  const file = path.join(folder, 'box.key');
  writeFileSync(file, openBoxKey(path.join(folder, 'other')).toString('base64'));
  expect(writeNewDurably(file, 'another key', PRIVATE_MODE)).toBe(false);
  expect(readFileSync(file, 'utf8')).not.toContain('another key');
  expect(readdirSync(folder).sort()).toEqual(['box.key', 'other']);
});

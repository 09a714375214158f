/** Files that are put back where a restore fails on its way. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMoves } from '../../src/backup/moves.ts';

let folder: string;
const inFolder = (name: string) => path.join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-moves-'));
  for (const name of ['box.key', 'spool.db']) writeFileSync(inFolder(name), name);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('everything is put back, the latest first', () => {
  const moves = createMoves();
  moves.makeFolder(inFolder('aside'));
  moves.rename(inFolder('box.key'), inFolder('aside/box.key'));
  moves.copy(inFolder('spool.db'), inFolder('box.key'));
  expect(moves.undo()).toEqual([]);
  expect(readdirSync(folder).sort()).toEqual(['box.key', 'spool.db']);
  expect(readFileSync(inFolder('box.key'), 'utf8')).toBe('box.key');
});

test('one that can not be put back is told, and keeps no other from its place', () => {
  const moves = createMoves();
  moves.rename(inFolder('box.key'), inFolder('box.key.aside'));
  moves.rename(inFolder('spool.db'), inFolder('spool.db.aside'));
  rmSync(inFolder('spool.db.aside'));
  expect(moves.undo()).toEqual([expect.stringMatching(/ENOENT.*spool\.db\.aside/)]);
  expect(existsSync(inFolder('box.key'))).toBe(true);
});

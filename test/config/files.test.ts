/** Small files on a disk that is really full: the old one or the new one, never half of either. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PRIVATE_MODE, writeFileDurably } from '../../src/config/files.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';

let disk: SmallDisk;
beforeEach(async () => {
  disk = await mountSmallDisk('64k');
});
afterEach(() => disk.remove());

test('what finds no room as a whole leaves the old file as it is, and nothing beside it', () => {
  const file = path.join(disk.folder, 'scanferry.yaml');
  writeFileDurably(file, 'the old one', PRIVATE_MODE);
  expect(() => writeFileDurably(file, 'x'.repeat(100_000), PRIVATE_MODE)).toThrow(/ENOSPC/);
  expect(readFileSync(file, 'utf8')).toBe('the old one');
  expect(readdirSync(disk.folder)).toEqual(['scanferry.yaml']);
});

test('what has room is there as a whole, for its owner alone', () => {
  const file = path.join(disk.folder, 'folder', 'box.key');
  writeFileDurably(file, Buffer.alloc(30_000, 7), PRIVATE_MODE);
  expect(readFileSync(file)).toEqual(Buffer.alloc(30_000, 7));
  expect(readdirSync(path.dirname(file))).toEqual(['box.key']);
});

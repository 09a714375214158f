/** Small files on a disk that is really full: the old one or the new one, never half of either. */
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PRIVATE_MODE, writeFileDurably } from '../../src/config/files.ts';
import { openSecretStore } from '../../src/config/secret-store.ts';
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

test('what root writes, folders too, belongs to whoever owns the folder around it', () => {
  const data = path.join(disk.folder, 'data');
  mkdirSync(data, { mode: 0o755 });
  chownSync(data, 65534, 65534);
  const store = openSecretStore(data);
  store.write('m365', 'first');
  store.write('m365', 'second');
  writeFileDurably(path.join(data, 'native', 'x64', 'addon'), 'bytes', 0o700);
  const owners = readdirSync(data, { recursive: true, encoding: 'utf8' }).map((name) => {
    const { uid, gid, mode } = statSync(path.join(data, name));
    return [name, uid, gid, mode & 0o077];
  });
  expect(owners.sort()).toEqual(
    ['box.key', 'native', 'native/x64', 'native/x64/addon', 'secrets.json'].map((name) => [
      name,
      65534,
      65534,
      0,
    ]),
  );
});

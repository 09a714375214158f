/** The database engine that the bundle unpacks: first starts at the same moment don't take it from each other. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { unpackInto } from '../../src/program/native.ts';
import type { EmbeddedAddon } from '../../src/program/native-embedded.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-native-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const BYTES = Buffer.from('the engine of this version');
const NAME = `sqlite-${createHash('sha256').update(BYTES).digest('hex').slice(0, 16)}.node`;

/** @param meanwhile what happens while the bytes are read. */
function addon(meanwhile: () => void = () => {}): EmbeddedAddon {
  return {
    sha256: createHash('sha256').update(BYTES).digest('hex'),
    read() {
      meanwhile();
      return BYTES;
    },
  };
}

test('a start leaves what another is just writing, and the engine of another version that has just come', () => {
  const others = [`${NAME}.0a1b2c3d.4711.tmp`, 'sqlite-of-another-version.node'];
  for (const name of others) writeFileSync(path.join(folder, name), 'of another');
  expect(unpackInto(folder, addon())).toBe(path.join(folder, NAME));
  expect(readdirSync(folder).sort()).toEqual([NAME, ...others].sort());
});

test('a start that finds the engine unpacked by another meanwhile goes on with it', () => {
  const file = unpackInto(
    folder,
    addon(() => unpackInto(folder, addon())),
  );
  expect(readFileSync(file)).toEqual(BYTES);
  expect(readdirSync(folder)).toEqual([NAME]);
});

test('what a crash or an earlier version has left goes, and a damaged engine is unpacked anew', () => {
  const at = Date.now() / 1000 - LIMITS.leftoverMinMs / 1000;
  for (const name of ['sqlite-of-before.node', `${NAME}.4711.tmp`]) {
    writeFileSync(path.join(folder, name), 'of before');
    utimesSync(path.join(folder, name), at, at);
  }
  writeFileSync(path.join(folder, NAME), 'damaged');
  expect(readFileSync(unpackInto(folder, addon()))).toEqual(BYTES);
  expect(readdirSync(folder)).toEqual([NAME]);
});

/** The program in the bundle: modules that are compiled when they are needed, some only on a rare day. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openModules } from '../../src/program/part-modules.ts';
import { bundleFile } from '../support/bundle.ts';

const requireBuiltin = createRequire('/');

test('every module of the bundle finds what it needs', async () => {
  const { names, load } = openModules(await bundleFile(), (name) => {
    if (!name.startsWith('.')) return requireBuiltin(name);
    throw new Error(`there is no module ${name}`);
  });
  // The entry would run the command line of this process.
  const faults = names
    .filter((name) => name !== './main.js')
    .flatMap((name) => {
      try {
        load(name);
        return [];
      } catch (error) {
        return [`${name}: ${error}`];
      }
    });
  expect(names).toContain('./main.js');
  expect(faults).toEqual([]);
});

test('a module that fails while it runs fails for whoever asks again, too', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'scanferry-bundle-'));
  try {
    const text = 'exports.half = 1; throw new Error("no such addon");';
    const packed = brotliCompressSync(text).toString('base64');
    const file = path.join(folder, 'bundle.cjs');
    await writeFile(file, `//${packed}\n//parts:./fails.js=2+${packed.length}\n`);
    const { load } = openModules(file, requireBuiltin);
    for (let attempt = 0; attempt < 2; attempt++) expect(() => load('./fails.js')).toThrow('no such addon');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a package that is loaded later has all its names, as in Node.js itself', async () => {
  const { names, load } = openModules(await bundleFile(), requireBuiltin);
  const exported = names.filter((name) => name.startsWith('./build-')).map(load);
  expect(exported).toContainEqual(expect.objectContaining({ connect: expect.any(Function) }));
});

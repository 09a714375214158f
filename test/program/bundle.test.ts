/** The program in the bundle: modules that are compiled when they are needed, some only on a rare day. */
import { createRequire } from 'node:module';
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

test('a package that is loaded later has all its names, as in Node.js itself', async () => {
  const { names, load } = openModules(await bundleFile(), requireBuiltin);
  const exported = names.filter((name) => name.startsWith('./build-')).map(load);
  expect(exported).toContainEqual(expect.objectContaining({ connect: expect.any(Function) }));
});

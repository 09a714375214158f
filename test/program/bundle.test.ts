/** The program in the bundle: modules that are compiled when they are needed, some only on a rare day. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CertificateRequest } from '../../src/intake/issue-certificates.ts';
import { askIssuer } from '../../src/intake/issuer.ts';
import { digestOf } from '../../src/program/bundle-parts.ts';
import { openModules } from '../../src/program/part-modules.ts';
import { bundleFile } from '../support/bundle.ts';

const requireBuiltin = createRequire('/');

let close = () => {};
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'scanferry-bundle-'));
});
afterEach(async () => {
  close();
  await rm(folder, { recursive: true });
});

const open: typeof openModules = (bundle, requireOther) => {
  const opened = openModules(bundle, requireOther);
  close = opened.close;
  return opened;
};

/** Packs one module, as scripts/build.ts does. */
function packed(name: string, code: string): string {
  const part = brotliCompressSync(code).toString('base64');
  return `//${part}\n//parts:${name}=2+${part.length}:${digestOf(part)}\n`;
}

test('every module of the bundle finds what it needs', async () => {
  const { names, load } = open(await bundleFile(), (name) => {
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
  const file = path.join(folder, 'bundle.cjs');
  await writeFile(file, packed('./fails.js', 'exports.half = 1; throw new Error("no such addon");'));
  const { load } = open(file, requireBuiltin);
  for (let attempt = 0; attempt < 2; attempt++) expect(() => load('./fails.js')).toThrow('no such addon');
});

test('after another version has taken its place, the modules are still those of the one that runs', async () => {
  const file = path.join(folder, 'bundle.cjs');
  await writeFile(file, packed('./version.js', 'exports.version = 1;'));
  const { load } = open(file, requireBuiltin);
  await writeFile(`${file}.new`, packed('./version.js', 'exports.version = 2;'));
  await rename(`${file}.new`, file);
  expect(load('./version.js')).toEqual({ version: 1 });
});

test('of a file that was overwritten no module is taken, and a sentence says so', async () => {
  const file = path.join(folder, 'bundle.cjs');
  await writeFile(file, packed('./version.js', 'exports.version = 1;'));
  const { load } = open(file, requireBuiltin);
  await writeFile(file, packed('./version.js', 'exports.version = 2;'));
  expect(() => load('./version.js')).toThrow('was overwritten while it ran; start Scanferry again');
});

test('a program of the bundle makes certificates', async () => {
  const { load } = open(await bundleFile(), requireBuiltin);
  const period = { notBefore: new Date('2026-11-01'), notAfter: new Date('2027-11-01') };
  const request: CertificateRequest = {
    root: { hostname: 'scanferry.local', period },
    server: { names: ['scanferry.local'], period },
  };
  const made = await askIssuer(request, String(load('part:issuer')));
  const root = new X509Certificate(made.root.cert);
  expect(new X509Certificate(made.server.cert).verify(root.publicKey)).toBe(true);
});

test('a package that is loaded later has all its names, as in Node.js itself', async () => {
  const { names, load } = open(await bundleFile(), requireBuiltin);
  const exported = names.filter((name) => name.startsWith('./build-')).map(load);
  expect(exported).toContainEqual(expect.objectContaining({ connect: expect.any(Function) }));
});

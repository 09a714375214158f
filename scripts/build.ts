/** Bundles src/main.ts into dist/scanferry.cjs, one file that runs alone, and prints what it is made of. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';
import { ASSET_FILES } from '../src/pages/assets.ts';
import { embedWorker } from './embed-worker.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const OUT_FILE = path.join(ROOT, 'dist/scanferry.cjs');

/** Where the box runs: a Raspberry Pi-class machine, or a PC. */
const TARGETS = ['linux-x64', 'linux-arm64'];

/** Replaces src/pages/assets-embedded.ts by a module that holds what browsers load beside a page. */
const embedAssets: Plugin = {
  name: 'embed-assets',
  setup(context) {
    context.onLoad({ filter: /\/src\/pages\/assets-embedded\.ts$/ }, () => ({
      loader: 'js',
      contents: `export const EMBEDDED_ASSETS = ${JSON.stringify(
        Object.fromEntries(Object.entries(ASSET_FILES).map(([name, { from }]) => [name, packAsset(from)])),
      )};`,
    }));
  },
};

function packAsset(from: string): string {
  return readFileSync(path.resolve(ROOT, 'src/pages', from)).toString('base64');
}

/** Replaces src/native-embedded.ts by a module that holds the addons. */
const embedAddons: Plugin = {
  name: 'embed-addons',
  setup(context) {
    context.onLoad({ filter: /\/src\/native-embedded\.ts$/ }, () => ({
      loader: 'js',
      contents: `export const EMBEDDED_ADDONS = ${JSON.stringify(Object.fromEntries(TARGETS.map((target) => [target, packAddon(target)])))};`,
    }));
  },
};

function packAddon(target: string): { sha256: string; brotliBase64: string } {
  const packageFile = createRequire(import.meta.url).resolve('better-sqlite3/package.json');
  const addon = readFileSync(path.join(path.dirname(packageFile), 'prebuilds', `${target}.node`));
  return {
    sha256: createHash('sha256').update(addon).digest('hex'),
    brotliBase64: brotliCompressSync(addon, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }).toString(
      'base64',
    ),
  };
}

/** Time of the build; SOURCE_DATE_EPOCH (seconds) makes it reproducible. */
function buildTime(): string {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  return (epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)).toISOString();
}

/** What both programs of the bundle are built with. */
const COMMON = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  minify: true,
  // Names in stacks of a bug report are worth the bytes.
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions;

async function main(): Promise<void> {
  mkdirSync(path.dirname(OUT_FILE), { recursive: true });
  const result = await build({
    ...COMMON,
    entryPoints: [path.join(ROOT, 'src/main.ts')],
    outfile: OUT_FILE,
    metafile: true,
    banner: { js: '#!/usr/bin/env node' },
    define: { 'import.meta.url': 'undefined', BUILD_TIME: JSON.stringify(buildTime()) },
    plugins: [embedAddons, embedAssets, embedWorker(ROOT, COMMON)],
  });
  chmodSync(OUT_FILE, 0o755);
  printContents(result.metafile);
}

function printContents(metafile: Metafile): void {
  const sizes = new Map<string, number>();
  for (const output of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
      const name = ownerOf(file);
      sizes.set(name, (sizes.get(name) ?? 0) + bytesInOutput);
    }
  }
  const kib = (bytes: number) => `${(bytes / 1024).toFixed(0).padStart(6)} KB`;
  console.log(`${path.relative(ROOT, OUT_FILE)} ${kib(statSync(OUT_FILE).size).trim()}, of which`);
  const sorted = [...sizes].sort(([, a], [, b]) => b - a);
  for (const [name, bytes] of sorted.slice(0, 15)) console.log(`${kib(bytes)}  ${name}`);
  const rest = sorted.slice(15);
  console.log(`${kib(rest.reduce((sum, [, bytes]) => sum + bytes, 0))}  ${rest.length} smaller packages`);
}

function ownerOf(file: string): string {
  if (file.endsWith('src/native-embedded.ts')) return `SQLite addons (${TARGETS.join(', ')}), compressed`;
  const inPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file);
  return inPackage?.[1] ?? 'Scanferry itself';
}

await main();

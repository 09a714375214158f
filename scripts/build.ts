/** Bundles src/main.ts into dist/scanferry.cjs, one file that runs alone, and prints what it is made of. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { type BuildOptions, build, type Metafile, type Plugin, transform } from 'esbuild';
import { ASSET_FILES } from '../src/pages/assets.ts';
import { digestOf, INDEX_BYTES_MAX } from '../src/program/bundle-parts.ts';

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

/** Replaces src/program/native-embedded.ts by a module that reads the addons among the parts of the bundle. */
const embedAddons: Plugin = {
  name: 'embed-addons',
  setup(context) {
    context.onLoad({ filter: /\/src\/program\/native-embedded\.ts$/ }, () => ({
      loader: 'js',
      contents: `export const EMBEDDED_ADDONS = {${TARGETS.map(describeAddon).join()}};`,
    }));
  },
};

function describeAddon(target: string): string {
  const sha256 = createHash('sha256').update(addonOf(target)).digest('hex');
  return `"${target}":{sha256:"${sha256}",read:()=>require("part:${target}")}`;
}

function addonOf(target: string): Buffer {
  const packageFile = createRequire(import.meta.url).resolve('better-sqlite3/package.json');
  return readFileSync(path.join(path.dirname(packageFile), 'prebuilds', `${target}.node`));
}

/** Replaces the module that stands for a program by one that reads it among the parts of the bundle. */
function embedProgram(part: string, { file, name }: { file: RegExp; name: string }): Plugin {
  return {
    name: `embed-${part}`,
    setup(context) {
      context.onLoad({ filter: file }, () => ({
        loader: 'js',
        contents: `export const ${name} = () => require("part:${part}").toString("latin1");`,
      }));
    },
  };
}

const embedPrograms = [
  embedProgram('worker', { file: /\/src\/program\/worker-embedded\.ts$/, name: 'embeddedWorker' }),
  embedProgram('issuer', { file: /\/src\/intake\/issuer-embedded\.ts$/, name: 'embeddedIssuer' }),
];

/** Time of the build; SOURCE_DATE_EPOCH (seconds) makes it reproducible. */
function buildTime(): string {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  return (epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)).toISOString();
}

/** What all programs of the bundle are built with. */
const COMMON = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  write: false,
  metafile: true,
  // Names in stacks of a bug report are worth the bytes: they stay as they are. Minified ones with esbuild's
  // keepNames took 9 MiB of an idle agent, for calls that set each name back.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions;

async function main(): Promise<void> {
  const head = await bundle('src/program/bundle-head.ts', { banner: { js: '#!/usr/bin/env node' } });
  const program = await bundleProgram();
  const parts = {
    loader: asPart(await bundle('src/program/bundle-loader.ts')),
    ...program.modules,
    worker: asPart(await bundle('src/spool-thread.ts')),
    issuer: asPart(await bundle('src/intake/issuer-process.ts')),
    ...Object.fromEntries(TARGETS.map((target) => [target, addonOf(target)])),
  };
  mkdirSync(path.dirname(OUT_FILE), { recursive: true });
  writeFileSync(OUT_FILE, withParts(inAscii(head), parts));
  chmodSync(OUT_FILE, 0o755);
  printContents(program.metafile);
}

async function bundle(entry: string, options: BuildOptions = {}): Promise<string> {
  const { outputFiles } = await build({ ...options, ...COMMON, entryPoints: [path.join(ROOT, entry)] });
  const [file] = outputFiles;
  if (file === undefined) throw new Error(`esbuild made nothing of ${entry}`);
  return file.text;
}

/**
 * The program as modules that require each other: one for all that is loaded together, so that what `import()` names
 * is read when it is needed. Only ES modules can be split, so each becomes CommonJS afterwards.
 */
async function bundleProgram(): Promise<{ modules: Record<string, Buffer>; metafile: Metafile }> {
  const outdir = path.join(ROOT, 'dist');
  const { outputFiles, metafile } = await build({
    ...COMMON,
    ...{ entryPoints: [path.join(ROOT, 'src/main.ts')], format: 'esm', splitting: true, outdir },
    chunkNames: '[name]-[hash]',
    define: {
      'import.meta.url': 'undefined',
      'import.meta.filename': 'undefined',
      BUILD_TIME: JSON.stringify(buildTime()),
    },
    external: ['part:*'],
    plugins: [embedAddons, embedAssets, ...embedPrograms],
  });
  const modules = outputFiles.map(async ({ path: file, text }) => {
    return [`./${path.relative(outdir, file)}`, asPart(await toCommonJs(text))];
  });
  return { modules: Object.fromEntries(await Promise.all(modules)), metafile };
}

/** How a module ends that wraps a CommonJS package: as an ES module it has no name but `default`. */
const WRAPS_COMMONJS = /export default \w+\(\);\n$/;

async function toCommonJs(text: string): Promise<string> {
  const { bundle, write, metafile, ...options } = COMMON;
  const { code } = await transform(text, { ...options, supported: { 'dynamic-import': false } });
  return WRAPS_COMMONJS.test(text) ? `${code}module.exports=module.exports.default;` : code;
}

function asPart(code: string): Buffer {
  return Buffer.from(inAscii(code), 'latin1');
}

/** Node.js keeps the text in memory, with two bytes a letter once a single one is not ASCII. */
function inAscii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** `head`, with a comment for each part and one that says where they are, as src/program/bundle-parts.ts reads them. */
function withParts(head: string, parts: Readonly<Record<string, Buffer>>): string {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
  let text = head;
  const index: string[] = [];
  for (const [name, content] of Object.entries(parts)) {
    const packed = brotliCompressSync(content, { params }).toString('base64');
    index.push(`${name}=${text.length + '//'.length}+${packed.length}:${digestOf(packed)}`);
    text += `//${packed}\n`;
  }
  const places = `//parts:${index.join()}\n`;
  if (places.length >= INDEX_BYTES_MAX) throw new Error('the list of parts is too long');
  return text + places;
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
  console.log(
    `${path.relative(ROOT, OUT_FILE)} ${kib(statSync(OUT_FILE).size).trim()}; of which the program:`,
  );
  const sorted = [...sizes].sort(([, a], [, b]) => b - a);
  for (const [name, bytes] of sorted.slice(0, 15)) console.log(`${kib(bytes)}  ${name}`);
  const rest = sorted.slice(15);
  console.log(`${kib(rest.reduce((sum, [, bytes]) => sum + bytes, 0))}  ${rest.length} smaller packages`);
}

function ownerOf(file: string): string {
  const inPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file);
  return inPackage?.[1] ?? 'Scanferry itself';
}

await main();

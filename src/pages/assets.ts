/** The files that a browser loads beside a page: from the source tree, or out of the bundle. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { EMBEDDED_ASSETS } from './assets-embedded.ts';

export interface Asset {
  type: string;
  body: Buffer;
  /** Path that changes with the content, so that a browser may keep it for ever. */
  path: string;
}

/** Where each comes from, from the folder of this file; scripts/build.ts embeds the same list. */
export const ASSET_FILES = {
  'style.css': { type: 'text/css; charset=utf-8', from: './assets/style.css' },
  'live.js': { type: 'text/javascript; charset=utf-8', from: './assets/live.js' },
  'idiomorph.js': {
    type: 'text/javascript; charset=utf-8',
    from: '../../node_modules/idiomorph/dist/idiomorph.min.js',
  },
  'icon.svg': { type: 'image/svg+xml', from: './assets/icon.svg' },
} as const;
export type AssetName = keyof typeof ASSET_FILES;

const loaded = new Map<AssetName, Asset>();

/** One asset; read when it is first asked for. */
export function asset(name: AssetName): Asset {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const body = read(name);
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 12);
  const made = { type: ASSET_FILES[name].type, body, path: `/assets/${hash}/${name}` };
  loaded.set(name, made);
  return made;
}

/** The asset at a path of a request, or null. */
export function assetAt(path: string): Asset | null {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!isAssetName(name)) return null;
  const found = asset(name);
  return found.path === path ? found : null;
}

function isAssetName(name: string): name is AssetName {
  return Object.hasOwn(ASSET_FILES, name);
}

function read(name: AssetName): Buffer {
  const embedded = EMBEDDED_ASSETS[name];
  if (embedded !== undefined) return Buffer.from(embedded, 'base64');
  return readFileSync(path.resolve(path.dirname(import.meta.filename), ASSET_FILES[name].from));
}

/** The product as it ships: dist/scanferry.cjs, built when it is not there yet. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { runOrThrow } from './processes.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BUNDLE = path.join(ROOT, 'dist/scanferry.cjs');
const BUILD_LIMIT_MS = 60_000;

/** Path of the bundle. `make test` builds it before; a single test file run by hand may find none. */
export async function bundleFile(): Promise<string> {
  if (!existsSync(BUNDLE)) {
    await runOrThrow(process.execPath, ['scripts/build.ts'], { cwd: ROOT, limitMs: BUILD_LIMIT_MS });
  }
  return BUNDLE;
}

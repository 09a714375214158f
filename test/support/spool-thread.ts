/**
 * The spool's thread as the tests start it: bundled once for a whole run. Each start of it from the sources has Node.js
 * read and strip forty files, three times the CPU; there are some thousand.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import type { SpoolWorkerData } from '../../src/spool/protocol.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Below node_modules, so that the bundle finds the packages that it leaves out. */
const BUNDLE = path.join(ROOT, 'node_modules/.cache/scanferry-test/spool-thread.mjs');

/** vitest calls it before the first test. */
export async function setup(): Promise<void> {
  await build({
    entryPoints: [path.join(ROOT, 'src/spool/worker-main.ts')],
    outfile: BUNDLE,
    ...{ bundle: true, platform: 'node', format: 'esm', packages: 'external', sourcemap: 'inline' },
  });
}

export function startSpoolThread(workerData: SpoolWorkerData): Worker {
  return new Worker(BUNDLE, { workerData });
}

/** What is made once for a whole run and shared by the processes of all test files; vitest calls `setup` before them. */
import { rmSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

/**
 * Of this run alone, as another may go on beside it; the first process names it, and those it starts inherit the name.
 * Below node_modules, so that the bundle finds the packages that it leaves out.
 */
process.env['SCANFERRY_TEST_RUN'] ??= path.join(ROOT, 'node_modules/.cache/scanferry-test', `${process.pid}`);
const FOLDER = process.env['SCANFERRY_TEST_RUN'];

/**
 * The spool's thread, bundled: started from the sources, Node.js would read and strip forty files each time, three times
 * the CPU, and it is started some thousand times.
 */
export const SPOOL_THREAD = path.join(FOLDER, 'spool-thread.mjs');

/** Certificates of the first agent; making them takes longer than most tests. The first who has some puts them here. */
export const AUTHORITY = path.join(FOLDER, 'authority');

export async function setup(): Promise<void> {
  // Only here: each test file loads this module.
  const { build } = await import('esbuild');
  await build({
    entryPoints: [path.join(ROOT, 'src/spool/worker-main.ts')],
    outfile: SPOOL_THREAD,
    ...{ bundle: true, platform: 'node', format: 'esm', packages: 'external', sourcemap: 'inline' },
  });
}

export function teardown(): void {
  rmSync(FOLDER, { recursive: true, force: true });
}

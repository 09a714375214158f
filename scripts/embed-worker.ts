/** Bundles the spool's thread as a program of its own, which the bundle holds as a string and starts from there. */
import path from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** Replaces src/worker-embedded.ts by a module that holds the thread's program, built with the same `options`. */
export function embedWorker(root: string, options: BuildOptions): Plugin {
  return {
    name: 'embed-worker',
    setup(context) {
      context.onLoad({ filter: /\/src\/worker-embedded\.ts$/ }, async () => ({
        loader: 'js',
        contents: `export const EMBEDDED_WORKER = ${JSON.stringify(await bundleWorker(root, options))};`,
      }));
    },
  };
}

async function bundleWorker(root: string, options: BuildOptions): Promise<string> {
  const { outputFiles } = await build({
    ...options,
    entryPoints: [path.join(root, 'src/spool/worker-main.ts')],
    write: false,
  });
  const [program] = outputFiles;
  if (program === undefined) throw new Error('esbuild gave no program for the thread of the spool');
  return program.text;
}

/**
 * The entry of everything: the command line.
 *
 * The spool's thread runs a program of its own: it would otherwise read and compile all of the bundle a second time,
 * which cost 40 MiB.
 */
import { Worker } from 'node:worker_threads';
import { applyMemorySettings } from './program/memory-settings.ts';
import { embeddedWorker } from './program/worker-embedded.ts';

function startWorker(workerData: unknown): Worker {
  const program = embeddedWorker();
  return program === null
    ? new Worker(new URL('./spool-thread.ts', import.meta.url), { workerData })
    : new Worker(program, { eval: true, workerData });
}

async function main(): Promise<void> {
  applyMemorySettings(process);
  // Not before: what starts again shall not load it twice.
  const { runCommandLine } = await import('./run/command-line.ts');
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read has seen enough, as `head` does: that is no error.
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  process.exitCode = await runCommandLine(process.argv.slice(2), startWorker);
}

void main();

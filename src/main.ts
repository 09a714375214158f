/**
 * The entry of everything: the command line in the main thread, the spool in its worker thread.
 *
 * Each thread loads what it runs and no more: the code of both is in one file, and loading all of it twice cost
 * tens of megabytes.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** This very file: the worker starts it again and takes the other branch below. */
const startWorker = (data: unknown): Worker => new Worker(import.meta.filename, { workerData: data });

async function runMainThread(): Promise<void> {
  const { runCommandLine } = await import('./command-line.ts');
  process.exitCode = await runCommandLine(process.argv.slice(2), startWorker);
}

async function runWorker(): Promise<void> {
  const { isSpoolWorkerData, runSpoolWorker } = await import('./spool/worker.ts');
  if (parentPort !== null && isSpoolWorkerData(workerData)) runSpoolWorker(parentPort, workerData);
}

void (isMainThread ? runMainThread() : runWorker());

/** The entry of the spool's thread where the source runs as it is; the bundle starts itself instead. */
import { parentPort, workerData } from 'node:worker_threads';
import { isSpoolWorkerData, runSpoolWorker } from './worker.ts';

if (parentPort === null || !isSpoolWorkerData(workerData)) {
  throw new Error('this file runs as the worker thread of the spool');
}
runSpoolWorker(parentPort, workerData);

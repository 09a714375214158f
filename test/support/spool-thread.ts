/** The spool's thread as the tests start it. */
import { Worker } from 'node:worker_threads';
import type { SpoolWorkerData } from '../../src/spool/protocol.ts';
import { SPOOL_THREAD } from './made-once.ts';

export function startSpoolThread(workerData: SpoolWorkerData): Worker {
  return new Worker(SPOOL_THREAD, { workerData });
}

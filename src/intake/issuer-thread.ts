/** The thread that makes certificates once and ends: what it loads for that, 5 MiB, is needed about once a year. */
import { parentPort, workerData } from 'node:worker_threads';
import { issueCertificates } from './issue-certificates.ts';

// A rejection ends the thread, and is told as its error.
void issueCertificates(workerData).then((made) => parentPort?.postMessage(made));

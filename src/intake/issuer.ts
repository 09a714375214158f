/** Has the box's certificates made, in a thread of its own. */
import { Worker } from 'node:worker_threads';
import type { CertificateRequest, IssuedCertificates } from './issue-certificates.ts';
import { embeddedIssuer } from './issuer-embedded.ts';

/** Rejects with what failed in the thread; whatever comes, the thread ends. */
export function askIssuer(workerData: CertificateRequest): Promise<IssuedCertificates> {
  return new Promise((resolve, reject) => {
    const program = embeddedIssuer();
    const thread =
      program === null
        ? new Worker(new URL('./issuer-thread.ts', import.meta.url), { workerData })
        : new Worker(program, { eval: true, workerData });
    thread.once('message', resolve);
    thread.once('error', reject);
    // Comes last: it says something only where nothing was said before.
    thread.once('exit', (code) =>
      reject(new Error(`the thread that makes certificates ended with code ${code}`)),
    );
  });
}

/** Has the box's certificates made, in a process of its own: a thread left 2 MiB of holes in the memory of the agent. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { LIMITS } from '../core/limits.ts';
import type { CertificateRequest, IssuedCertificates } from './issue-certificates.ts';
import { embeddedIssuer } from './issuer-embedded.ts';
import { REQUEST_FD } from './issuer-request.ts';

/**
 * Rejects with what failed in the process, or with why there is none.
 * @param program JavaScript; null where the source runs as it is.
 * @param maxMs the process is killed then.
 */
export async function askIssuer(
  request: CertificateRequest,
  program = embeddedIssuer(),
  maxMs: number = LIMITS.issuerMaxMs,
): Promise<IssuedCertificates> {
  const issuer = startIssuer(program, maxMs);
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    issuer.once('error', reject).once('close', (code, signal) => resolve(code ?? signal));
  });
  tell(issuer.stdin, program ?? '');
  // The types know three pipes.
  tell(issuer.stdio[REQUEST_FD] as Writable, serialize(request));
  const [end, made, said] = await Promise.all([ended, buffer(issuer.stdout), text(issuer.stderr)]);
  if (end !== 0) throw new Error(`the process that makes certificates ended with ${end}: ${said.trim()}`);
  return deserialize(made);
}

function startIssuer(program: string | null, timeout: number): ChildProcessWithoutNullStreams {
  const args = program === null ? [fileURLToPath(new URL('./issuer-process.ts', import.meta.url))] : ['-'];
  // What the agent was given in its environment is nobody else's business.
  return spawn(process.execPath, args, {
    ...{ env: {}, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] },
    ...{ timeout, killSignal: 'SIGKILL' },
  });
}

/** One that ends before it has read everything says why on stderr. */
function tell(to: Writable, what: string | Buffer): void {
  to.on('error', () => {}).end(what);
}

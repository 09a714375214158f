/** Where both send: Postfix's smtp-sink, which throws mail away and counts it, behind STARTTLS with a certificate to verify. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { createTestCertificates, type TestCertificates } from '../../test/support/certificates.ts';
import { freePort, startProcess, waitForPort } from '../../test/support/processes.ts';

export interface Upstream {
  /** STARTTLS, TLS 1.2 and 1.3; the certificate is for `localhost` and 127.0.0.1. */
  port: number;
  certificates: TestCertificates;
  /** Messages taken since the start. */
  received(): number;
  /** Resolves with the time (performance.now) at which the `count`th message had come. */
  waitFor(count: number, limitMs: number): Promise<number>;
  stop(): Promise<void>;
}

const FRONT = path.join(import.meta.dirname, 'starttls-front.ts');
const BACKLOG = 1000;
const CONNECTIONS_MAX = 1000;

export async function startUpstream(folder: string): Promise<Upstream> {
  const certificates = await createTestCertificates({
    names: ['localhost'],
    addresses: ['127.0.0.1'],
    directory: folder,
  });
  const { certFile, keyFile } = await certificates.server('valid');
  const sink = await startSink();
  const port = await freePort();
  const front = startProcess(process.execPath, [
    ...[FRONT, String(port), String(sink.port)],
    ...[certFile, keyFile],
  ]);
  await waitForPort('127.0.0.1', port);
  return {
    port,
    certificates,
    received: sink.received,
    waitFor: sink.waitFor,
    async stop() {
      await front.stop();
      await sink.stop();
    },
  };
}

interface Sink {
  port: number;
  received(): number;
  waitFor(count: number, limitMs: number): Promise<number>;
  stop(): Promise<void>;
}

/** `-c` prints its counters after every message: `sess=1 quit=1 mesg=1`. */
async function startSink(): Promise<Sink> {
  const port = await freePort();
  const args = ['-c', '-m', String(CONNECTIONS_MAX), `127.0.0.1:${port}`, String(BACKLOG)];
  const child = spawnTied(path.join('/usr/sbin', 'smtp-sink'), args);
  const arrivals: number[] = [];
  let tail = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    const counted = [...(tail + text).matchAll(/mesg=(\d+)[\r\n]/g)];
    tail = (tail + text).slice(-64);
    const count = Number(counted.at(-1)?.[1] ?? arrivals.length);
    const now = performance.now();
    while (arrivals.length < count) arrivals.push(now);
  });
  await waitForPort('127.0.0.1', port);
  return {
    port,
    received: () => arrivals.length,
    async waitFor(count, limitMs) {
      const signal = AbortSignal.timeout(limitMs);
      while (arrivals.length < count) {
        if (signal.aborted || child.exitCode !== null)
          throw new Error(`only ${arrivals.length} of ${count} messages arrived at the sink`);
        await Promise.race([once(child.stdout, 'data', { signal }), once(signal, 'abort')]).catch(() => {});
      }
      return arrivals[count - 1] ?? performance.now();
    },
    async stop() {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

/** As root, smtp-sink wants another user; changed by setpriv, the tie to this process's life stays. */
function spawnTied(file: string, args: string[]): ChildProcessByStdio<null, Readable, null> {
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? ['--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups'] : [];
  return spawn('setpriv', [...user, '--pdeathsig', 'KILL', '--', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

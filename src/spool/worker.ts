/** The spool's thread: takes calls from the agent's thread, runs them, answers. */
import type { MessagePort } from 'node:worker_threads';
import { createEngine } from './engine.ts';
import { toWire } from './problems.ts';
import type { SpoolAnswer, SpoolAnswers, SpoolRequest, SpoolRequests, SpoolWorkerData } from './protocol.ts';

/** Whether a thread was started to be the spool's. */
export function isSpoolWorkerData(value: unknown): value is SpoolWorkerData {
  return typeof value === 'object' && value !== null && 'role' in value && value.role === 'spool';
}

/** Serves calls that come over `port` until `close`; the thread ends by itself then. */
export function runSpoolWorker(port: MessagePort, data: SpoolWorkerData): void {
  /** A commit answers many at once, and each message between threads costs both of them. */
  let unsent: SpoolAnswer[] = [];
  const engine = createEngine(data, tell);
  port.on('message', (requests: SpoolRequests) => {
    for (const request of requests) void serve(request);
  });

  function tell(answer: SpoolAnswer): void {
    // A tick comes when every promise that the commit resolved has answered.
    if (unsent.length === 0) process.nextTick(flush);
    unsent.push(answer);
  }

  function flush(): void {
    if (unsent.length === 0) return;
    const answers: SpoolAnswers = unsent;
    unsent = [];
    port.postMessage(answers, answers.flatMap(transferOf));
  }

  async function serve(request: SpoolRequest): Promise<void> {
    tell(await answerTo(request));
    if (request.operation !== 'close') return;
    flush();
    port.close();
  }

  async function answerTo(request: SpoolRequest): Promise<SpoolAnswer> {
    try {
      return { kind: 'value', id: request.id, value: await engine.handle(request) };
    } catch (error) {
      return { kind: 'failure', id: request.id, error: toWire(error) };
    }
  }
}

/** Chunks are handed over, not copied. */
function transferOf(answer: SpoolAnswer): ArrayBuffer[] {
  const value = answer.kind === 'value' ? answer.value : null;
  const bytes = typeof value === 'object' && value !== null && 'first' in value ? value.first : value;
  return bytes instanceof Uint8Array && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}

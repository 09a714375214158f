/** The spool's thread: takes calls from the agent's thread, runs them, answers. */
import type { MessagePort } from 'node:worker_threads';
import { createEngine } from './engine.ts';
import { toWire } from './problems.ts';
import type { SpoolAnswer, SpoolRequest, SpoolWorkerData } from './protocol.ts';

/** Whether a thread was started to be the spool's. */
export function isSpoolWorkerData(value: unknown): value is SpoolWorkerData {
  return typeof value === 'object' && value !== null && 'role' in value && value.role === 'spool';
}

/** Serves calls that come over `port` until `close`; the thread ends by itself then. */
export function runSpoolWorker(port: MessagePort, data: SpoolWorkerData): void {
  const tell = (answer: SpoolAnswer) => port.postMessage(answer, transferOf(answer));
  const engine = createEngine(data, tell);
  port.on('message', async (request: SpoolRequest) => {
    tell(await answerTo(request));
    if (request.operation === 'close') port.close();
  });

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

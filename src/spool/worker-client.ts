/** The agent's end of the spool thread: numbered calls, and what happens when the thread ends. */
import type { Worker } from 'node:worker_threads';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { fromWire, refusal } from './problems.ts';
import type {
  OwnedBytes,
  SpoolAnswer,
  SpoolAnswers,
  SpoolCalls,
  SpoolOperation,
  SpoolRequest,
  SpoolRequests,
  SpoolWorkerData,
} from './protocol.ts';

export interface WorkerClientDeps {
  clock: Clock;
  log: Log;
  data: SpoolWorkerData;
  startWorker(data: SpoolWorkerData): Worker;
  onChanged(): void;
  /** The thread ended without having been asked to. */
  onFatal(error: Error): void;
}

export interface WorkerClient {
  start(): void;
  /** Rejects with what the thread says, or with SpoolRefusal when there is none. */
  call<O extends SpoolOperation>(
    operation: O,
    args: SpoolCalls[O]['args'],
    handOver?: OwnedBytes,
  ): Promise<SpoolCalls[O]['result']>;
  /** Closes the database and waits for the end of the thread. */
  end(): Promise<void>;
}

/**
 * Whole chunks take the thread long enough; waiting for others, they would keep both ends of a scan waiting. A start
 * looks through the file while the agent's thread goes on with its own, which leaves no turn to anything else.
 */
const AT_ONCE: ReadonlySet<SpoolOperation> = new Set(['start', 'writeChunk', 'readChunk']);

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export function createWorkerClient(deps: WorkerClientDeps): WorkerClient {
  const pending = new Map<number, Pending>();
  let worker: Worker | null = null;
  let exited: Promise<void> = Promise.resolve();
  let isEnding = false;
  let lastError: unknown;
  let nextId = 1;
  /** Calls of this turn of the event loop, and the memory that goes over with them. */
  let unsent: SpoolRequest[] = [];
  let handedOver: ArrayBuffer[] = [];

  function start(): void {
    isEnding = false;
    lastError = undefined;
    const started = deps.startWorker(deps.data);
    worker = started;
    started.on('message', hear);
    started.on('error', (error: unknown) => {
      lastError = error;
    });
    exited = new Promise((resolve) => {
      started.once('exit', (code) => {
        leave(code);
        resolve();
      });
    });
  }

  function hear(answers: SpoolAnswers): void {
    for (const answer of answers) take(answer);
  }

  function take(answer: SpoolAnswer): void {
    if (answer.kind === 'changed') deps.onChanged();
    else if (answer.kind === 'log') deps.log[answer.level](answer.event, answer.fields);
    else settleCall(answer);
  }

  function settleCall(answer: Extract<SpoolAnswer, { id: number }>): void {
    const call = pending.get(answer.id);
    pending.delete(answer.id);
    if (answer.kind === 'value') call?.resolve(answer.value);
    else call?.reject(fromWire(answer.error));
  }

  function leave(code: number): void {
    worker = null;
    const error = new Error(`the spool thread ended with code ${code}`, { cause: lastError });
    lastError ??= error;
    const calls = [...pending.values()];
    pending.clear();
    for (const call of calls) call.reject(refusal(isEnding ? 'stopping' : 'disk-error', error));
    if (!isEnding) deps.onFatal(error);
  }

  function send<O extends SpoolOperation>(
    operation: O,
    args: SpoolCalls[O]['args'],
    handOver?: OwnedBytes,
  ): Promise<SpoolCalls[O]['result']> {
    if (worker === null) return Promise.reject(whyNobody());
    return new Promise((resolve, reject) => {
      const id = nextId++;
      // The thread answers with the result of this very operation (protocol.ts).
      pending.set(id, { resolve: (value) => resolve(value as SpoolCalls[O]['result']), reject });
      if (handOver !== undefined) handedOver.push(handOver.buffer);
      // `operation` and `args` belong together, which TypeScript can't see through O.
      post({ id, now: Math.floor(deps.clock.now()), operation, args } as SpoolRequest);
    });
  }

  function whyNobody(): Error {
    return isEnding || lastError === undefined ? refusal('stopping') : refusal('disk-error', lastError);
  }

  function post(request: SpoolRequest): void {
    if (unsent.length === 0) setImmediate(flush);
    unsent.push(request);
    if (AT_ONCE.has(request.operation)) flush();
  }

  function flush(): void {
    if (unsent.length === 0) return;
    const requests: SpoolRequests = unsent;
    const transfer = handedOver;
    unsent = [];
    handedOver = [];
    // To a thread that has ended meanwhile nothing is sent, and whoever called has been told.
    worker?.postMessage(requests, transfer);
  }

  return {
    start,
    call: (operation, args, handOver) =>
      isEnding ? Promise.reject(refusal('stopping')) : send(operation, args, handOver),
    async end() {
      const ending = worker;
      if (ending === null || isEnding) return exited;
      isEnding = true;
      const limit = deps.clock.schedule(LIMITS.spoolCloseMaxMs, () => void ending.terminate());
      try {
        await send('close', null);
        await exited;
      } finally {
        limit.cancel();
      }
    },
  };
}

/** Calls a running agent over its unix socket. */
import http from 'node:http';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import * as z from 'zod';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import type { DiscoveryStep } from '../discovery/types.ts';
import type { DoctorLine } from '../doctor/types.ts';
import type { CommandInput, CommandName, CommandOutput } from './commands.ts';
import { PROBLEMS } from './problems.ts';
import type { DiscoverInput, DoctorRequest, SendTestRequest, SendTestStep } from './protocol.ts';
import { controlSocketPath } from './socket.ts';

export interface ControlClient {
  /** @param signal gives up waiting for the answer. */
  call<N extends CommandName>(
    name: N,
    input: CommandInput<N>,
    signal?: AbortSignal,
  ): Promise<CommandOutput<N>>;
  body(messageId: string): Promise<Readable>;
  sendTest(request: SendTestRequest): AsyncIterable<SendTestStep>;
  /** Looks at the site; ends early when the caller stops reading. */
  diagnose(request: DoctorRequest): AsyncIterable<DoctorLine>;
  /** Searches for devices; ends early when the caller stops reading. */
  discover(request: DiscoverInput): AsyncIterable<DiscoveryStep>;
}

const errorBody = z.object({
  code: z.string(),
  cause: z.string(),
  advice: z.string(),
  exitCode: z.union([z.literal(0), z.literal(1), z.literal(2)]),
});

/** A client for the agent of `dataDir`. Every call throws OperatorError when no agent answers there. */
export function createControlClient(dataDir: string): ControlClient {
  const request = (method: string, path: string, input?: unknown, signal?: AbortSignal) =>
    send(dataDir, { method, path, signal }, input);
  return {
    async call(name, input, signal) {
      const response = await request('POST', `/v1/${name}`, input, signal);
      // The agent is of the same version and its table declares this type.
      return JSON.parse(await readAnswer(response)) as CommandOutput<typeof name>;
    },
    body: (messageId) => request('GET', `/v1/messages/${encodeURIComponent(messageId)}/body`),
    async *sendTest(input) {
      yield* linesOf<SendTestStep>(await request('POST', '/v1/send-test-steps', input));
    },
    async *discover(input) {
      yield* linesOf<DiscoveryStep>(await request('POST', '/v1/discover-steps', input));
    },
    async *diagnose(input) {
      yield* linesOf<DoctorLine>(await request('POST', '/v1/doctor-lines', input));
    },
  };
}

/** One JSON value a line; the agent is of the same version and sends `T`. */
async function* linesOf<T>(response: http.IncomingMessage): AsyncGenerator<T> {
  const lines = createInterface({ input: response });
  // readline does not pass an error of its input on, and would wait for ever.
  response.once('error', () => lines.close());
  try {
    for await (const line of lines) yield JSON.parse(line) as T;
    if (!response.complete) throw new OperatorError(PROBLEMS.brokeOff());
  } finally {
    response.destroy();
  }
}

async function send(
  dataDir: string,
  { signal, ...place }: { method: string; path: string; signal: AbortSignal | undefined },
  input: unknown,
): Promise<http.IncomingMessage> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request(
      { socketPath: controlSocketPath(dataDir), ...place, ...(signal && { signal }) },
      resolve,
    );
    request.on('error', (cause) => reject(notRunning(dataDir, cause)));
    request.end(input === undefined ? undefined : JSON.stringify(input));
  });
  if (response.statusCode === 200) return response;
  const body = errorBody.parse(JSON.parse(await readText(response)));
  throw new OperatorError(
    { code: body.code, cause: body.cause, advice: body.advice },
    { exitCode: body.exitCode },
  );
}

/** Whether no agent answers, so that a command may do its work without one. */
export function isNotRunning(error: unknown): boolean {
  const { code } = PROBLEMS.notRunning('', '');
  return error instanceof OperatorError && error.explanation.code === code;
}

async function readAnswer(response: http.IncomingMessage): Promise<string> {
  try {
    return await readText(response);
  } catch (cause) {
    throw new OperatorError(PROBLEMS.brokeOff(), { cause });
  }
}

async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function notRunning(dataDir: string, cause: NodeJS.ErrnoException): OperatorError {
  if (cause.code === 'ABORT_ERR') return new OperatorError(PROBLEMS.notAnswering(dataDir), { cause });
  // It was there, and took the command.
  if (cause.code === 'ECONNRESET') return new OperatorError(PROBLEMS.brokeOff(), { cause });
  const forbidden = cause.code === 'EACCES' || cause.code === 'EPERM';
  return new OperatorError(
    forbidden ? PROBLEMS.forbidden(dataDir) : PROBLEMS.notRunning(dataDir, describeError(cause)),
    { cause },
  );
}

/** Serves the operator's commands over HTTP on a unix socket in the data folder. */
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import http from 'node:http';
import { pipeline } from 'node:stream/promises';
import { OperatorError } from '../core/errors.ts';
import { describeError, type Log } from '../core/log.ts';
import { isCommandName } from './commands.ts';
import type { ControlDeps } from './deps.ts';
import { parseInput } from './parse-input.ts';
import { PROBLEMS } from './problems.ts';
import { discoverRequest, doctorRequest, type ErrorBody, sendTestRequest } from './protocol.ts';
import { runCommand } from './run-command.ts';
import { controlSocketPath } from './socket.ts';

export interface ControlServerDeps extends ControlDeps {
  log: Log;
  dataDir: string;
}

export interface ControlServer {
  /** Takes the socket over; call it only with the spool's lock in hand. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A command is a few names and numbers; more is a mistake. */
const REQUEST_BYTES_MAX = 256 * 1024;

export function createControlServer(deps: ControlServerDeps): ControlServer {
  const socketPath = controlSocketPath(deps.dataDir);
  const server = http.createServer((request, response) => {
    answer(deps, request, response).catch((error: unknown) => fail(deps.log, response, error));
  });
  return {
    async start() {
      rmSync(socketPath, { force: true });
      server.listen(socketPath);
      try {
        await once(server, 'listening');
      } catch (cause) {
        throw new OperatorError(PROBLEMS.noSocket(socketPath, describeError(cause)), { cause });
      }
      chmodSync(socketPath, 0o600);
    },
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(
  deps: ControlServerDeps,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://scanferry');
  const bodyOf = /^\/v1\/messages\/([^/]+)\/body$/.exec(url.pathname)?.[1];
  if (request.method === 'GET' && bodyOf !== undefined)
    return sendBody(deps, decodeURIComponent(bodyOf), response);

  const name = /^\/v1\/([a-z.-]+)$/.exec(url.pathname)?.[1] ?? '';
  if (request.method !== 'POST') throw unknownCommand(name);
  const input = await readJson(request);
  if (name === 'send-test-steps')
    return streamSteps(deps.sendTest(parseInput(name, sendTestRequest, input)), response);
  if (name === 'doctor-lines')
    return streamSteps(deps.diagnose(parseInput(name, doctorRequest, input), untilGone(response)), response);
  if (name === 'discover-steps') {
    const { network } = parseInput(name, discoverRequest, input);
    return streamSteps(deps.discovery.discover({ network, signal: untilGone(response) }), response);
  }
  if (!isCommandName(name)) throw unknownCommand(name);
  const output = await runCommand(deps, name, input, untilGone(response));
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(output));
}

/** Whoever asked may go in the middle: then what was begun ends. */
function untilGone(response: http.ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

async function sendBody(deps: ControlServerDeps, id: string, response: http.ServerResponse): Promise<void> {
  const summary = await deps.spool.show(id);
  if (summary === null) throw new OperatorError(PROBLEMS.unknownMessage(id));
  if (!summary.hasBody) {
    throw new OperatorError(PROBLEMS.bodyErased(id));
  }
  const body = await deps.spool.openBody(id);
  response.writeHead(200, { 'content-type': 'message/rfc822' });
  await pipeline(body, response);
}

/** One JSON line a step; the head goes out with the first, so that a refusal is an answer of its own. */
async function streamSteps(steps: AsyncIterable<unknown>, response: http.ServerResponse): Promise<void> {
  for await (const step of steps) {
    // Whoever asked is gone; what was begun goes its way without being watched.
    if (response.destroyed) return;
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write(`${JSON.stringify(step)}\n`);
  }
  response.end();
}

async function readJson(request: http.IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX)
      throw new OperatorError(PROBLEMS.badInput('the request', 'it is too large'));
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new OperatorError(PROBLEMS.badInput('the request', describeError(cause)), { exitCode: 2, cause });
  }
}

function fail(log: Log, response: http.ServerResponse, error: unknown): void {
  const known = error instanceof OperatorError;
  if (!known) log.error('control.failed', { error: describeError(error) });
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body: ErrorBody = known
    ? { ...error.explanation, exitCode: error.exitCode }
    : { ...PROBLEMS.failed(describeError(error)), exitCode: 1 };
  response.writeHead(known ? 422 : 500, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function unknownCommand(name: string): OperatorError {
  return new OperatorError(PROBLEMS.unknownCommand(name));
}

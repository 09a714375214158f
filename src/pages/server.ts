/**
 * The web server behind every page: one list of routes, strict headers, bounded forms.
 *
 * A route answers with a value; only a live connection (`follow`) keeps the response. Nothing is fetched from elsewhere,
 * no script stands in a page, and no other site may frame it or send it a form.
 */
import http from 'node:http';
import https from 'node:https';
import type { Explanation } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { assetAt } from './assets.ts';
import { createBinding } from './bind.ts';
import { PROBLEMS } from './problems.ts';
import { isOwnForm, isOwnHost } from './same-origin.ts';

export interface PageRequest {
  method: 'GET' | 'POST';
  path: string;
  query: URLSearchParams;
  /** Fields of a POST; empty for a GET. */
  form: URLSearchParams;
  cookies: ReadonlyMap<string, string>;
  /** Address of the browser, or of the proxy before it. */
  address: string;
  /** Captures of the route's path, decoded. */
  parts: string[];
}

export interface PageResponse {
  status: number;
  headers: Record<string, string>;
  body: string | Buffer;
}

/** Keeps the response open and writes to it by itself. */
export interface Follow {
  follow(response: http.ServerResponse): void;
}

export type PageAnswer = PageResponse | Follow;

export interface PageRoute {
  method: 'GET' | 'POST';
  /** Matched against the whole path. */
  path: RegExp;
  handle(request: PageRequest): PageAnswer | Promise<PageAnswer>;
}

export interface PageServerDeps {
  log: Log;
  address: string;
  port: number;
  /** PEM; null speaks plain HTTP. */
  tls: { cert: string; key: string } | null;
  routes: readonly PageRoute[];
  /** Before every route but assets: an answer of its own, such as the sign-in, or null to go on. */
  guard(request: PageRequest): PageAnswer | null;
  /** A whole page that says what is wrong. */
  problem(status: number, explanation: Explanation): PageResponse;
}

export interface PageServer {
  /** Binds and returns the port; rejects with the system's error. */
  start(): Promise<number>;
  stop(): Promise<void>;
}

const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export function createPageServer(deps: PageServerDeps): PageServer {
  const onRequest = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    answer(deps, request)
      .catch((error: unknown) => {
        deps.log.error('page.failed', { path: pathOf(request), error: describeError(error) });
        return deps.problem(500, PROBLEMS.failed());
      })
      .then((reply) => send(request, response, reply))
      .catch((error: unknown) => {
        deps.log.error('page.failed', { path: pathOf(request), error: describeError(error) });
        response.destroy();
      });
  };
  const server =
    deps.tls === null
      ? http.createServer(onRequest)
      : https.createServer({ ...deps.tls, minVersion: 'TLSv1.2' }, onRequest);
  const binding = createBinding(server, LIMITS.pageConnectionsMax);
  return {
    async start() {
      const port = await binding.bind(deps);
      server.on('error', (error) => deps.log.error('page.failed', { error: describeError(error) }));
      return port;
    },
    stop: () => binding.unbind(),
  };
}

async function answer(deps: PageServerDeps, request: http.IncomingMessage): Promise<PageAnswer> {
  const path = pathOf(request);
  const file = request.method === 'GET' ? assetAt(path) : null;
  if (file !== null) {
    const headers = { 'content-type': file.type, 'cache-control': 'public, max-age=31536000, immutable' };
    return { status: 200, headers, body: file.body };
  }
  if (!isOwnHost(request, deps.address)) return deps.problem(421, PROBLEMS.foreignHost());
  const route = deps.routes.find((one) => one.path.test(path) && one.method === methodOf(request));
  if (route === undefined) return deps.problem(404, PROBLEMS.notFound());
  if (route.method === 'POST' && !isOwnForm(request)) return deps.problem(403, PROBLEMS.foreignForm());
  const form = route.method === 'POST' ? await readForm(request) : '';
  if (form === null) return deps.problem(413, PROBLEMS.formTooLarge());
  const read = toPageRequest(request, route, form);
  return deps.guard(read) ?? (await route.handle(read));
}

function toPageRequest(request: http.IncomingMessage, route: PageRoute, form: string): PageRequest {
  const path = pathOf(request);
  return {
    method: route.method,
    path,
    query: new URLSearchParams((request.url ?? '').split('?').slice(1).join('?')),
    form: new URLSearchParams(form),
    cookies: cookiesOf(request.headers.cookie ?? ''),
    address: request.socket.remoteAddress ?? '',
    parts: (route.path.exec(path) ?? []).slice(1).map(decode),
  };
}

function methodOf(request: http.IncomingMessage): string {
  return request.method === 'HEAD' ? 'GET' : (request.method ?? '');
}

function pathOf(request: http.IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/';
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A percent sign that begins no code stands for itself; the page then says that there is no such thing.
    return part;
  }
}

function cookiesOf(header: string): Map<string, string> {
  return new Map(
    header.split(';').map((pair) => {
      const [name = '', ...value] = pair.trim().split('=');
      return [name, value.join('=')];
    }),
  );
}

/** The body of a form; null when it is too large, and the rest is not read. */
async function readForm(request: http.IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > LIMITS.pageFormBytesMax) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(request: http.IncomingMessage, response: http.ServerResponse, reply: PageAnswer): void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  if ('follow' in reply) {
    reply.follow(response);
    return;
  }
  response.writeHead(reply.status, {
    'cache-control': 'no-store',
    ...reply.headers,
    'content-length': Buffer.byteLength(reply.body),
  });
  response.end(request.method === 'HEAD' ? undefined : reply.body);
}

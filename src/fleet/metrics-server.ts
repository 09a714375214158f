/** Serves the numbers of all sites to Prometheus, on a port of its own. */
import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { createBinding } from '../pages/bind.ts';
import { type MetricsSource, metricsText } from './metrics-text.ts';
import { PROBLEMS } from './problems.ts';

export interface MetricsServer {
  /** Binds and returns the port; rejects with OperatorError when that fails. */
  start(): Promise<number>;
  stop(): Promise<void>;
}

export interface MetricsServerDeps {
  log: Log;
  listen: { address: string; port: number };
  source(): MetricsSource;
}

const TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function createMetricsServer({ log, listen, source }: MetricsServerDeps): MetricsServer {
  const server = http.createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0];
    if (request.method !== 'GET' || path !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('The numbers are at /metrics.\n');
      return;
    }
    response.writeHead(200, { 'content-type': TYPE, 'cache-control': 'no-store' });
    pipeline(Readable.from(metricsText(source())), response).catch((error: unknown) => {
      // Prometheus gives a slow answer up; anything else is a mistake of ours.
      log.warn('fleet.metrics-cut', { error: describeError(error) });
    });
  });
  const binding = createBinding(server, LIMITS.fleetMetricsConnectionsMax);
  return {
    async start() {
      const port = await binding.bind(listen).catch((cause: unknown) => {
        const problem = PROBLEMS.listenFailed(listen.address, listen.port, describeError(cause));
        throw new OperatorError(problem, { cause });
      });
      server.on('error', (error) => log.error('fleet.metrics-failed', { error: describeError(error) }));
      return port;
    },
    stop: () => binding.unbind(),
  };
}

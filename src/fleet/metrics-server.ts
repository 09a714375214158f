/** Serves the numbers of all sites to Prometheus, on a port of its own. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OperatorError } from '../core/errors.ts';
import { describeError, type Log } from '../core/log.ts';
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

const CONNECTIONS_MAX = 32;
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
  server.maxConnections = CONNECTIONS_MAX;
  return {
    async start() {
      server.listen(listen.port, listen.address);
      try {
        await once(server, 'listening');
      } catch (cause) {
        const problem = PROBLEMS.listenFailed(listen.address, listen.port, describeError(cause));
        throw new OperatorError(problem, { cause });
      }
      server.on('error', (error) => log.error('fleet.metrics-failed', { error: describeError(error) }));
      // The port of a TCP server that listens.
      return (server.address() as AddressInfo).port;
    },
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

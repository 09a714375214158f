/** A listening simulated host: takes connections, keeps a record of each session, can stop listening for a while. */
import { createServer, type Socket } from 'node:net';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import type { EngineDeps } from './dialogue.ts';
import type { SessionRecord } from './session.ts';
import { serveSession } from './smtp-engine.ts';

export interface SmtpHost {
  start(): Promise<{ address: string; port: number }>;
  stop(): Promise<void>;
  /** Refused connections while false; sessions under way go on. The port stays the same. */
  setListening(isListening: boolean): Promise<void>;
  sessions(): SessionRecord[];
}

export function createSmtpHost(deps: EngineDeps & { address: string }): SmtpHost {
  const { log, clock, policy } = deps;
  const sockets = new Set<Socket>();
  const records: SessionRecord[] = [];
  const server = createServer({ noDelay: true }, (socket) => accept(socket));
  server.maxConnections = LIMITS.connectionsMax;
  let port = 0;

  function accept(socket: Socket): void {
    const record: SessionRecord = {
      host: policy.kind,
      address: socket.remoteAddress ?? 'unknown',
      startedAt: clock.now(),
      endedAt: null,
      ehlo: null,
      tls: null,
      user: null,
      commands: [],
      failure: null,
    };
    records.push(record);
    if (records.length > LIMITS.sandboxRecordsMax) records.shift();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serveSession(deps, socket, record).then(
      () => {
        record.endedAt = clock.now();
        log.debug('sandbox.session-ended', { ...record });
      },
      (error: unknown) => {
        log.error('sandbox.session-failed', { host: policy.kind, error: describeError(error) });
        socket.destroy();
      },
    );
  }

  function listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, deps.address, () => {
        server.off('error', reject);
        const bound = server.address();
        if (bound !== null && typeof bound === 'object') port = bound.port;
        resolve();
      });
    });
  }

  return {
    async start() {
      await listen();
      return { address: deps.address, port };
    },
    async stop() {
      // A server with open sockets reports its close only after them.
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    async setListening(isListening) {
      if (isListening === server.listening) return;
      if (isListening) await listen();
      else server.close();
    },
    sessions: () => [...records],
  };
}

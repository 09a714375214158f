/** The ports that devices send to: opened, kept and closed as the settings say, without touching a connection. */
import { createServer, type Server, type Socket } from 'node:net';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { PROBLEMS } from './problems.ts';
import type { ListenerSettings } from './settings.ts';
import type { ListenerAddress } from './types.ts';

export interface Listeners {
  /**
   * Opens ports that are new, closes those that are gone, and keeps the others open, with their new settings for
   * connections to come. Rejects with OperatorError naming the port that can't be opened; all is as before then.
   */
  replace(settings: readonly ListenerSettings[]): Promise<ListenerAddress[]>;
  /** Takes no new connections; resolves when those of every port, closed ones included, have ended. */
  close(): Promise<void>;
}

export interface ListenersDeps {
  log: Log;
  onConnection(socket: Socket, listener: ListenerSettings, shown: ListenerAddress): void;
}

interface Bound {
  server: Server;
  settings: ListenerSettings;
  /** The port as bound. */
  port: number;
}

/** Makes the listeners; nothing is open before `replace`. */
export function createListeners({ log, onConnection }: ListenersDeps): Listeners {
  let bound: Bound[] = [];
  /** Ends of servers that take no more connections. */
  const closing = new Set<Promise<void>>();

  function bind(settings: ListenerSettings): Promise<Bound> {
    return new Promise((resolve, reject) => {
      // Half-open, so that a device which closes its side after the final dot still gets its reply.
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        onConnection(socket, one.settings, shownOf(one)),
      );
      server.maxConnections = LIMITS.listenerSocketsMax;
      server.on('drop', (dropped) =>
        log.debug('intake.connection-dropped', { ...shownOf(one), address: dropped?.remoteAddress ?? null }),
      );
      const one: Bound = { server, settings, port: settings.port };
      server.once('error', (error) => reject(bindError(settings, error)));
      server.listen({ host: settings.address, port: settings.port }, () => {
        const at = server.address();
        if (at !== null && typeof at === 'object') one.port = at.port;
        server.removeAllListeners('error');
        server.on('error', (error) =>
          log.error('intake.listener-error', { ...shownOf(one), error: describeError(error) }),
        );
        log.info('intake.listening', { ...shownOf(one), floor: settings.floor });
        resolve(one);
      });
    });
  }

  /** The port is free again when this returns; the connections it brought go on. */
  function unbind({ server }: Bound): void {
    const end = new Promise<void>((resolve) => server.close(() => resolve()));
    closing.add(end);
    void end.then(() => closing.delete(end));
  }

  /** Opens all of them or none. */
  async function bindAll(settings: readonly ListenerSettings[]): Promise<Bound[]> {
    const results = await Promise.allSettled(settings.map(bind));
    const opened = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return opened;
    for (const one of opened) unbind(one);
    throw failed.reason;
  }

  /** Back on the very ports they had, where the settings leave the choice to the system. */
  async function rebind(gone: readonly Bound[]): Promise<Bound[]> {
    try {
      const again = await bindAll(gone.map(({ settings, port }) => ({ ...settings, port })));
      for (const [index, one] of again.entries()) one.settings = gone[index]?.settings ?? one.settings;
      return again;
    } catch (error) {
      log.error('intake.listener-lost', { ports: gone.map(({ port }) => port), error: describeError(error) });
      return [];
    }
  }

  return {
    async replace(settings) {
      const { kept, gone, fresh } = sortOut(bound, settings);
      // Closed first: a new listener may want the same port at another address.
      for (const one of gone) unbind(one);
      bound = [...kept.values()];
      try {
        bound = [...bound, ...(await bindAll(fresh))];
      } catch (error) {
        bound = [...bound, ...(await rebind(gone))];
        throw error;
      }
      for (const [next, one] of kept) one.settings = next;
      return inOrder(bound, settings).map(shownOf);
    },
    async close() {
      for (const one of bound) unbind(one);
      bound = [];
      await Promise.all(closing);
    },
  };
}

interface Sorted {
  kept: Map<ListenerSettings, Bound>;
  gone: Bound[];
  fresh: ListenerSettings[];
}

/** A listener is the same when address and port are; how it speaks TLS may change under it. */
function sortOut(bound: readonly Bound[], settings: readonly ListenerSettings[]): Sorted {
  const gone = [...bound];
  const kept = new Map<ListenerSettings, Bound>();
  for (const next of settings) {
    const index = gone.findIndex(
      ({ settings: { address, port } }) => address === next.address && port === next.port,
    );
    const [same] = index < 0 ? [] : gone.splice(index, 1);
    if (same !== undefined) kept.set(next, same);
  }
  return { kept, gone, fresh: settings.filter((next) => !kept.has(next)) };
}

function inOrder(bound: readonly Bound[], settings: readonly ListenerSettings[]): Bound[] {
  return settings.flatMap((next) => bound.filter((one) => one.settings === next));
}

function shownOf({ settings: { address, tls }, port }: Bound): ListenerAddress {
  return { address, port, tls };
}

function bindError(listener: ListenerSettings, error: Error): OperatorError {
  const code = 'code' in error ? String(error.code) : '';
  return new OperatorError(PROBLEMS.portUnavailable(listener, code, error.message), { cause: error });
}

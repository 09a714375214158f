/** The routes of the config, and those of earlier configs until nothing is under way on them. */
import type { Config } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import { describeError, type Log } from '../core/log.ts';
import { seal, unseal } from '../core/seal.ts';
import { createRoute } from '../routes/index.ts';
import type { FactStore, Route } from '../routes/types.ts';
import type { Spool } from '../spool/types.ts';
import { createNameResolver } from './name-resolver.ts';

export interface RoutesInUse {
  /** Makes the routes that `config` asks for; they are stopped with the others. */
  create(config: Config): Route[];
  /** Stops routes once `whenFree` resolves; never rejects. */
  retire(routes: readonly Route[], whenFree: Promise<void>): Promise<void>;
  /** Their small durable values, sealed under the box key. */
  facts: FactStore;
  /** Stops all there are. */
  stop(): Promise<void>;
}

export interface RoutesInUseDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  /** The box key, under which cached tokens are sealed. */
  key: Buffer;
}

export function createRoutesInUse({ clock, log, spool, key }: RoutesInUseDeps): RoutesInUse {
  const facts = sealedFacts(spool, key);
  const inUse = new Set<Route>();

  async function stop(routes: readonly Route[]): Promise<void> {
    for (const route of routes) inUse.delete(route);
    const ends = await Promise.allSettled(routes.map((route) => route.stop()));
    for (const end of ends) {
      if (end.status === 'rejected') log.error('route.stop-failed', { error: describeError(end.reason) });
    }
  }

  return {
    facts,
    create(config) {
      const resolver = createNameResolver(config.dns?.servers ?? null);
      const { hostname } = config.intake;
      const routes = config.routes.map((settings) =>
        createRoute(settings, { clock, log: log.child({ route: settings.id }), resolver, hostname, facts }),
      );
      for (const route of routes) inUse.add(route);
      return routes;
    },
    async retire(routes, whenFree) {
      await whenFree;
      await stop(routes);
    },
    stop: () => stop([...inUse]),
  };
}

const ROUTE_FACTS = 'routes';

/** Cached tokens open a mailbox, so they are sealed under the box key, each bound to its name. */
function sealedFacts(spool: Spool, key: Buffer): FactStore {
  return {
    async get(name) {
      const sealed = (await spool.getFacts(ROUTE_FACTS)).get(name);
      if (typeof sealed !== 'string') return null;
      return unseal(key, Buffer.from(sealed, 'base64'), `fact:${name}`).toString('utf8');
    },
    put: (name, value) =>
      spool.putFact(ROUTE_FACTS, name, seal(key, Buffer.from(value), `fact:${name}`).toString('base64')),
    delete: (name) => spool.deleteFact(ROUTE_FACTS, name),
  };
}

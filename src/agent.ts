/** The agent: the only place that builds rooms, starts them in order, and stops them in reverse. */
import { mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { openBoxKey } from './config/box-key.ts';
import type { Config } from './config/schema.ts';
import { type ControlServer, createControlServer } from './control/server.ts';
import type { Clock, Timer } from './core/clock.ts';
import { describeError, type Log } from './core/log.ts';
import { seal, unseal } from './core/seal.ts';
import { createDispatch } from './dispatch/dispatch.ts';
import type { Dispatch } from './dispatch/types.ts';
import { type Authority, openAuthority } from './intake/authority.ts';
import { createIntake } from './intake/intake.ts';
import type { Intake, ListenerAddress } from './intake/types.ts';
import { createNameResolver } from './name-resolver.ts';
import { unpackNativeAddon } from './native.ts';
import type { Catalogue } from './profiles/types.ts';
import { createRoute } from './routes/index.ts';
import type { FactStore, Route } from './routes/types.ts';
import { sendTestScan } from './send-test.ts';
import { createSpool } from './spool/spool.ts';
import type { Spool } from './spool/types.ts';
import { VERSION } from './version.ts';
import { createWeb, type Web } from './web/web.ts';

export interface AgentDeps {
  config: Config;
  profiles: Catalogue;
  clock: Clock;
  log: Log;
  /** Starts the spool's worker thread; the bundle starts itself, the source tree a file. */
  startWorker(workerData: unknown): Worker;
}

export interface AgentStarted {
  listeners: ListenerAddress[];
  webPort: number | null;
  /** PEM of the box's root certificate. */
  rootPem: string;
}

export interface Agent {
  /** Rejects with OperatorError when something it needs is not there; nothing is left running then. */
  start(): Promise<AgentStarted>;
  stop(): Promise<void>;
  /** Rejects when the agent can't go on (its spool worker died): the process must end and be restarted. */
  readonly fatal: Promise<never>;
  /** For the demo and tests; valid after start. */
  readonly rooms: { spool: Spool; dispatch: Dispatch; intake: Intake };
}

const DAY_MS = 24 * 3600 * 1000;

interface Stoppable {
  name: string;
  stop(): Promise<void>;
}

export function createAgent(deps: AgentDeps): Agent {
  const { config, log, clock } = deps;
  /** What has been started, in order. */
  const running: Stoppable[] = [];
  let rooms: Agent['rooms'] | null = null;
  let listeners: ListenerAddress[] = [];
  const fatal = Promise.withResolvers<never>();
  // Whoever awaits `fatal` sees it; before that it must not end the process by itself.
  fatal.promise.catch(() => {});

  const started = <T extends { stop(): Promise<void> }>(name: string, room: T): T => {
    running.push({ name, stop: () => room.stop() });
    return room;
  };

  async function start(): Promise<AgentStarted> {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    const key = openBoxKey(config.dataDir);
    const spool = createSpool({
      clock,
      log: log.child({ room: 'spool' }),
      settings: config.spool,
      directory: config.dataDir,
      key,
      nativeBinding: unpackNativeAddon(config.dataDir),
      startWorker: deps.startWorker,
      onFatal: (error) => fatal.reject(error),
    });
    const routes = createRoutes(deps, spool, key);
    const dispatch = createDispatch({
      clock,
      log: log.child({ room: 'dispatch' }),
      spool,
      routes,
      routing: config.routing,
      maxAgeHours: config.spool.maxAgeHours,
      random: Math.random,
    });
    const control = createControl(deps, {
      spool,
      dispatch,
      intake: () => requireRooms().intake,
      listeners: () => listeners,
    });
    // The socket comes first: it is what keeps two agents off one spool.
    await started('control', control).start();

    const authority = await openBoxAuthority(deps);
    const certificate = await authority.certificate();
    const intake = createIntake({
      clock,
      log: log.child({ room: 'intake' }),
      spool,
      settings: config.intake,
      devices: config.devices,
      profiles: deps.profiles,
      certificate,
    });
    rooms = { spool, dispatch, intake };

    const opened = await started('spool', spool).start();
    await spool.record({ type: 'agent.started', data: { version: VERSION } });
    for (const route of routes) started(`route ${route.id}`, route);
    await started('dispatch', dispatch).start();
    listeners = await started('intake', intake).start();
    const web = config.web === undefined ? null : started('web', createBoxPage(deps, authority, certificate));
    const webPort = web === null ? null : await web.start();
    started(
      'renewal',
      renewDaily(deps, (fresh) => {
        intake.replaceCertificate(fresh);
        web?.replaceCertificate(fresh);
      }),
    );
    log.info('agent.started', { version: VERSION, site: config.site.id, listeners, pending: opened.pending });
    return { listeners, webPort, rootPem: authority.rootPem };
  }

  async function stop(): Promise<void> {
    for (const room of running.splice(0).reverse()) {
      if (room.name === 'spool') await recordStop(deps, rooms?.spool);
      await room
        .stop()
        .catch((error: unknown) =>
          log.error('agent.stop-failed', { room: room.name, error: describeError(error) }),
        );
    }
    log.info('agent.stopped');
  }

  function requireRooms(): Agent['rooms'] {
    if (rooms === null) throw new Error('the agent has not been started');
    return rooms;
  }

  return {
    async start() {
      try {
        return await start();
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
    fatal: fatal.promise,
    get rooms() {
      return requireRooms();
    },
  };
}

async function recordStop(deps: AgentDeps, spool: Spool | undefined): Promise<void> {
  try {
    await spool?.record({ type: 'agent.stopped', data: { clean: true } });
  } catch (error) {
    // A spool that died is why we stop; its own error has been reported.
    deps.log.warn('agent.stop-not-recorded', { error: describeError(error) });
  }
}

function createRoutes(deps: AgentDeps, spool: Spool, key: Buffer): Route[] {
  const resolver = createNameResolver(deps.config.dns?.servers ?? null);
  const facts = sealedFacts(spool, key);
  return deps.config.routes.map((settings) =>
    createRoute(settings, {
      clock: deps.clock,
      log: deps.log.child({ room: 'routes', route: settings.id }),
      resolver,
      hostname: deps.config.intake.hostname,
      facts,
    }),
  );
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

function createControl(
  deps: AgentDeps,
  rooms: { spool: Spool; dispatch: Dispatch; intake: () => Intake; listeners: () => ListenerAddress[] },
): ControlServer {
  const { config, clock, log } = deps;
  return createControlServer({
    version: VERSION,
    siteId: config.site.id,
    startedAt: clock.now(),
    now: () => clock.now(),
    spool: rooms.spool,
    dispatch: rooms.dispatch,
    log: log.child({ room: 'control' }),
    dataDir: config.dataDir,
    sendTest: (request) =>
      sendTestScan(
        {
          ...{ clock, config, spool: rooms.spool },
          intake: rooms.intake(),
          listeners: rooms.listeners(),
          routes: () => rooms.dispatch.routes(),
        },
        request,
      ),
  });
}

function createBoxPage(
  deps: AgentDeps,
  authority: Authority,
  certificate: { key: string; cert: string },
): Web {
  const { config, log } = deps;
  return createWeb({
    log: log.child({ room: 'web' }),
    settings: config.web ?? { address: '0.0.0.0', port: 443 },
    siteName: config.site.name ?? config.site.id,
    hostname: config.intake.hostname,
    certificate,
    root: { pem: authority.rootPem, der: authority.rootDer },
  });
}

function openBoxAuthority({ config, clock, log }: AgentDeps): Promise<Authority> {
  return openAuthority({
    directory: path.join(config.dataDir, 'ca'),
    hostname: config.intake.hostname,
    addresses: boxAddresses(),
    clock,
    log: log.child({ room: 'intake' }),
  });
}

/** Looks once a day whether the certificate nears its end or the box has got another address. */
function renewDaily(
  deps: AgentDeps,
  replace: (certificate: { key: string; cert: string }) => void,
): Stoppable {
  let timer: Timer;
  const look = async (): Promise<void> => {
    try {
      // Opening it again makes a new certificate where the old one lacks an address or nears its end.
      replace(await (await openBoxAuthority(deps)).certificate());
    } catch (error) {
      deps.log.error('agent.certificate-not-renewed', { error: describeError(error) });
    }
    plan();
  };
  const plan = (): void => {
    timer = deps.clock.schedule(DAY_MS, () => void look());
  };
  plan();
  return { name: 'renewal', stop: async () => timer.cancel() };
}

/** Every address a device may know this box by. */
function boxAddresses(): string[] {
  return Object.values(os.networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address)
    .filter((address) => !address.startsWith('fe80:'));
}

/** The agent: opens the spool, has its rooms built meanwhile, starts them in order, and stops them in reverse. */
import type { Worker } from 'node:worker_threads';
import { createBoxClock } from './agent/box-clock.ts';
import type { InForce } from './agent/in-force.ts';
import { RELOAD_PROBLEMS } from './agent/problems.ts';
import { recordStop } from './agent/records.ts';
import type { Reloader } from './agent/reload.ts';
import { renewDaily } from './agent/renewal.ts';
import type { AgentParts } from './agent/rooms.ts';
import { openBoxKey } from './config/box-key.ts';
import { assertWritable } from './config/data-folder.ts';
import type { ReloadReport } from './control/deps.ts';
import { assertAlone } from './control/socket.ts';
import { OperatorError } from './core/errors.ts';
import { LIMITS } from './core/limits.ts';
import { describeError } from './core/log.ts';
import type { Dispatch } from './dispatch/types.ts';
import type { Intake, ListenerAddress } from './intake/types.ts';
import type { Notices } from './notices/types.ts';
import { settleMemory } from './program/memory-settings.ts';
import { unpackNativeAddon } from './program/native.ts';
import { VERSION } from './program/version.ts';
import { createSpool } from './spool/spool.ts';
import type { Spool } from './spool/types.ts';

export interface AgentDeps extends AgentParts {
  /** Starts the spool's worker thread; the bundle starts itself, the source tree a file. */
  startWorker(workerData: unknown): Worker;
}

export interface AgentStarted {
  listeners: ListenerAddress[];
  webPort: number | null;
}

export interface Agent {
  /** Rejects with OperatorError when something it needs is not there; nothing is left running then. */
  start(): Promise<AgentStarted>;
  stop(): Promise<void>;
  /**
   * Reads the config again and applies it without dropping a connection. Rejects with OperatorError (exit code 2)
   * when it can't be used; the agent then goes on as before.
   * @param by who asked for it.
   */
  reload(by: string): Promise<ReloadReport>;
  /** Rejects when the agent can't go on (its spool worker died): the process must end and be restarted. */
  readonly fatal: Promise<never>;
  /** Resolves when a command wants the process to end and be started again. */
  readonly restartAsked: Promise<void>;
  /** For the demo and tests; valid after start. */
  readonly rooms: { spool: Spool; dispatch: Dispatch; intake: Intake };
}

interface Stoppable {
  name: string;
  stop(): Promise<void>;
}

export function createAgent(given: AgentDeps): Agent {
  const { config, log } = given;
  const clock = createBoxClock(given.clock);
  const deps: AgentDeps = { ...given, clock };
  /** What has been started, in order; what stands in one stage is stopped at the same time. */
  const running: Stoppable[][] = [];
  let rooms: Agent['rooms'] | null = null;
  const inForce: InForce = { config, routes: [], listeners: [], webPort: null, devices: config.devices };
  let notices: Notices | null = null;
  let reloader: Reloader | null = null;
  let isStartRecorded = false;
  const fatal = Promise.withResolvers<never>();
  // Whoever awaits `fatal` sees it; before that it must not end the process by itself.
  fatal.promise.catch(() => {});

  const restartAsked = Promise.withResolvers<void>();

  const started = <T extends { stop(): Promise<void> }>(name: string, room: T): T => {
    running.push([{ name, stop: () => room.stop() }]);
    return room;
  };

  /** As `started`, but stopped together with the room before it. */
  const startedBeside = <T extends { stop(): Promise<void> }>(name: string, room: T): T => {
    running.at(-1)?.push({ name, stop: () => room.stop() });
    return room;
  };

  async function start(): Promise<AgentStarted> {
    const { dataDir } = config;
    assertWritable(dataDir);
    const key = openBoxKey(dataDir);
    await assertAlone(dataDir);
    const spool = createSpool({
      ...{ clock, log: log.child({ room: 'spool' }), settings: config.spool, directory: dataDir, key },
      nativeBinding: unpackNativeAddon(dataDir),
      startWorker: deps.startWorker,
      onFatal: (error) => fatal.reject(error),
    });
    // Side by side: the spool's thread looks through its file while this one builds the rest.
    const opening = started('spool', spool).start();
    const preparing = prepare(spool, key);
    // Both are over before what failed is told: what is still starting can't be stopped.
    await Promise.allSettled([opening, preparing]);
    const { pending, latestEventAt } = await opening;
    const { built, authority, certificate } = await preparing;
    const { dispatch, devices, join } = built;
    const intake = built.createIntake(certificate);
    rooms = { spool, dispatch, intake };

    clock.hasWritten(latestEventAt);
    // The spool's lock is in hand, so nobody else's socket is taken away.
    await started('control', built.control).start();
    started('records', built.records).start();
    isStartRecorded = true;
    await built.packs.load();
    await started('devices', devices).start();
    await started('health', built.health).start();
    await startedBeside('discovery', built.discovery).start();
    started('routes', built.routesInUse);
    await started('join', join).start();
    await started('dispatch', dispatch).start();
    notices = built.createNotices();
    // Side by side with dispatch, so that at a stop each has all the time there is.
    await startedBeside('notices', notices).start();
    await startedBeside('report', built.report).start();
    inForce.listeners = await startedBeside('intake', intake).start();
    const page = built.createPage(authority);
    inForce.webPort = await started('web', page).show(config, certificate);
    reloader = built.createReloader({ intake, page, notices });
    // It takes another config over, once everything runs.
    started('reload', reloader);
    started('renewal', renewDaily(deps, reloader.renewCertificate));
    await started('config trial', built.configTrial).start();
    const settled = clock.schedule(LIMITS.startSettledMs, settleMemory);
    started('start memory', { stop: async () => settled.cancel() });
    const { listeners, webPort } = inForce;
    log.info('agent.started', { version: VERSION, site: config.site.id, listeners, pending });
    return { listeners, webPort };
  }

  /** What is made while the spool opens. */
  async function prepare(spool: Spool, key: Buffer) {
    const { buildRooms, readCertificate } = await import('./agent/rooms.ts');
    const built = buildRooms({
      ...{ ...deps, spool, key, inForce, reload, restart },
      intake: () => requireRooms().intake,
      notices: () => notices,
    });
    return { built, ...(await readCertificate(deps)) };
  }

  async function reload(by: string): Promise<ReloadReport> {
    if (reloader === null) throw new OperatorError(RELOAD_PROBLEMS.notRunning());
    return reloader.reload(by);
  }

  function restart(by: string): void {
    log.info('agent.restart-asked', { by });
    clock.schedule(LIMITS.restartDelayMs, () => restartAsked.resolve());
  }

  async function stop(): Promise<void> {
    await stopRooms();
    log.info('agent.stopped');
  }

  async function stopRooms(): Promise<void> {
    for (const stage of running.splice(0).reverse()) await Promise.all(stage.map(stopRoom));
  }

  async function stopRoom(room: Stoppable): Promise<void> {
    if (room.name === 'spool' && isStartRecorded) await recordStop(deps, rooms?.spool);
    try {
      await room.stop();
    } catch (error) {
      log.error('agent.stop-failed', { room: room.name, error: describeError(error) });
    }
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
        await stopRooms();
        throw error;
      }
    },
    stop,
    reload,
    fatal: fatal.promise,
    restartAsked: restartAsked.promise,
    get rooms() {
      return requireRooms();
    },
  };
}

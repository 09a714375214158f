/** The agent: the only place that builds rooms, starts them in order, and stops them in reverse. */
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { boxAddresses } from './agent/box-addresses.ts';
import { createBoxClock } from './agent/box-clock.ts';
import { type BoxPage, createBoxPage } from './agent/box-page.ts';
import { createConfigTrial } from './agent/config-trial.ts';
import { createControlDeps } from './agent/control-deps.ts';
import { createAgentDevices } from './agent/devices.ts';
import { createAgentDiscovery } from './agent/discovery.ts';
import { createAgentDoctor } from './agent/doctor.ts';
import { createAgentHealth } from './agent/health.ts';
import type { InForce } from './agent/in-force.ts';
import { createAgentNotices } from './agent/notices.ts';
import { createProfilePacks } from './agent/profile-packs.ts';
import { createAgentRecords, recordStop } from './agent/records.ts';
import { createReloader, RELOAD_PROBLEMS, type Reloader } from './agent/reload.ts';
import { createRemoteVerbs } from './agent/remote-verbs.ts';
import { renewDaily } from './agent/renewal.ts';
import { createAgentReport } from './agent/report.ts';
import { createRoutesInUse } from './agent/routes-in-use.ts';
import { openBoxKey } from './config/box-key.ts';
import { assertWritable } from './config/data-folder.ts';
import type { Config } from './config/schema.ts';
import type { ReloadReport } from './control/deps.ts';
import { createControlServer } from './control/server.ts';
import type { Clock } from './core/clock.ts';
import { OperatorError } from './core/errors.ts';
import { LIMITS } from './core/limits.ts';
import { describeError, type Log } from './core/log.ts';
import { createDispatch } from './dispatch/dispatch.ts';
import type { Dispatch } from './dispatch/types.ts';
import { type Authority, openAuthority } from './intake/authority.ts';
import { createIntake } from './intake/intake.ts';
import type { Intake, ListenerAddress } from './intake/types.ts';
import { createJoin } from './join/join.ts';
import type { Notices } from './notices/types.ts';
import type { Catalogue } from './profiles/types.ts';
import { settleMemory } from './program/memory-settings.ts';
import { unpackNativeAddon } from './program/native.ts';
import { VERSION } from './program/version.ts';
import { createSpool } from './spool/spool.ts';
import type { Spool } from './spool/types.ts';

export interface AgentDeps {
  config: Config;
  profiles: Catalogue;
  clock: Clock;
  log: Log;
  /** Starts the spool's worker thread; the bundle starts itself, the source tree a file. */
  startWorker(workerData: unknown): Worker;
  /** The file that `readConfig` reads. */
  configFile: string;
  /** Reads the config again, or `text` in its place; throws OperatorError when it can't be used. */
  readConfig(text?: string): { config: Config; warnings: string[] };
  /** The environment of the config, and the newest lines of the log: what a support bundle is made from. */
  support: { env: Record<string, string | undefined>; logTail(): string[] };
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

  const logOf = (room: string): Log => log.child({ room });

  /** The rooms that need nothing but the box key. Nothing runs yet. */
  function build(key: Buffer) {
    const broker = () => report.broker();
    const intake = () => requireRooms().intake;
    const spool = createSpool({
      ...{ clock, log: logOf('spool'), settings: config.spool, directory: config.dataDir, key },
      nativeBinding: unpackNativeAddon(config.dataDir),
      startWorker: deps.startWorker,
      onFatal: (error) => fatal.reject(error),
    });
    const { record, ...records } = createAgentRecords(deps, spool);
    const packs = createProfilePacks({
      ...{ log: logOf('profiles'), dataDir: config.dataDir, builtIn: deps.profiles, record },
      config: () => inForce.config,
    });
    const profiles = { profiles: packs.catalogue, profileChanges: packs.changes };
    const routesInUse = createRoutesInUse({ clock, log: logOf('routes'), spool, key });
    inForce.routes = routesInUse.create(config);
    const dispatch = createDispatch({
      ...{ clock, log: logOf('dispatch'), spool, routes: inForce.routes, routing: config.routing },
      ...{ maxAgeHours: config.spool.maxAgeHours, random: Math.random },
    });
    const health = createAgentHealth({
      ...{ clock, log: logOf('health'), spool, dispatch, inForce, dataDir: config.dataDir, broker },
    });
    const discovery = createAgentDiscovery({
      ...{ clock, log: logOf('discovery'), spool, ...profiles, inForce, record },
    });
    const devices = createAgentDevices({
      ...{ clock, log: logOf('devices'), spool, ...profiles, inForce, discovery, health, intake },
      notices: () => notices,
      wake: () => dispatch.wake(),
      refresh: () => report.refresh(),
    });
    const diagnose = createAgentDoctor({
      ...{ clock, log: logOf('doctor'), spool, dispatch, inForce, facts: routesInUse.facts, broker },
      ...{ configFile: deps.configFile, readConfig: () => deps.readConfig() },
    });
    const commands = createControlDeps(deps, {
      ...{ spool, dispatch, devices, discovery, health, inForce, reload, restart, intake, broker, diagnose },
      setConfig: (request) => configTrial.set(request),
      updateProfiles: (request) => packs.update(request),
    });
    const control = createControlServer({ ...commands, log: logOf('control'), dataDir: config.dataDir });
    const report = createAgentReport({
      ...{ clock, log: logOf('report'), spool, health, inForce, key, startedAt: commands.startedAt },
      execute: createRemoteVerbs(commands),
    });
    const configTrial = createConfigTrial({
      ...{ clock, log: logOf('config'), health, inForce, reload, broker, record },
      recordForSure: records.recordForSure,
      ...{ file: deps.configFile, readConfig: deps.readConfig },
    });
    const join = createJoin({
      ...{ clock, log: logOf('join'), spool },
      hostname: () => inForce.config.intake.hostname,
      messageBytesMax: () => inForce.config.intake.maxMessageBytes,
    });
    return {
      ...{ spool, record, records, packs, routesInUse, dispatch, health, discovery, devices, control },
      ...{ report, configTrial, join },
    };
  }

  async function start(): Promise<AgentStarted> {
    assertWritable(config.dataDir);
    const built = build(openBoxKey(config.dataDir));
    const { spool, dispatch, devices, packs, join } = built;
    await built.control.assertAlone();
    // Side by side: the spool's thread looks through its file while this one reads the certificate.
    const opening = started('spool', spool).start();
    const reading = readCertificate(deps, config.intake.hostname);
    // Both are over before what failed is told: what is still starting can't be stopped.
    await Promise.allSettled([opening, reading]);
    const { pending, latestEventAt } = await opening;
    const { authority, certificate } = await reading;
    const intake = createIntake({
      ...{ clock, log: logOf('intake'), spool, settings: config.intake, devices: config.devices },
      ...{ profiles: packs.catalogue, knowledge: devices, certificate, onPart: (id) => join.noticed(id) },
    });
    rooms = { spool, dispatch, intake };

    clock.hasWritten(latestEventAt);
    // The spool's lock is in hand, so nobody else's socket is taken away.
    await started('control', built.control).start();
    started('records', built.records).start();
    isStartRecorded = true;
    await packs.load();
    await started('devices', devices).start();
    await started('health', built.health).start();
    await startedBeside('discovery', built.discovery).start();
    started('routes', built.routesInUse);
    await started('join', join).start();
    await started('dispatch', dispatch).start();
    notices = createAgentNotices({ clock, log: logOf('notices'), spool, dispatch, inForce });
    // Side by side with dispatch, so that at a stop each has all the time there is.
    await startedBeside('notices', notices).start();
    await startedBeside('report', built.report).start();
    inForce.listeners = await startedBeside('intake', intake).start();
    const page = createBoxPage({ log: logOf('web'), authority, profiles: packs.catalogue });
    inForce.webPort = await started('web', page).show(config, certificate);
    followConfig(built, { intake, page, notices });
    await started('config trial', built.configTrial).start();
    const settled = clock.schedule(LIMITS.startSettledMs, settleMemory);
    started('start memory', { stop: async () => settled.cancel() });
    const { listeners, webPort } = inForce;
    log.info('agent.started', { version: VERSION, site: config.site.id, listeners, pending });
    return { listeners, webPort };
  }

  /** What keeps the certificate young and takes another config over, once everything runs. */
  function followConfig(
    { spool, record, dispatch, devices, discovery, routesInUse, report }: ReturnType<typeof build>,
    { intake, page, notices: told }: { intake: Intake; page: BoxPage; notices: Notices },
  ): void {
    reloader = createReloader({
      ...{ log, spool, record, dispatch, intake, devices, discovery, routesInUse, page, report, inForce },
      ...{ notices: told, readConfig: deps.readConfig },
      certificateFor: async (hostname) => (await openBoxAuthority(deps, hostname)).certificate(),
    });
    started('reload', reloader);
    started('renewal', renewDaily(deps, reloader.renewCertificate));
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

async function readCertificate(deps: AgentDeps, hostname: string) {
  const authority = await openBoxAuthority(deps, hostname);
  return { authority, certificate: await authority.certificate() };
}

function openBoxAuthority({ config, clock, log }: AgentDeps, hostname: string): Promise<Authority> {
  return openAuthority({
    directory: path.join(config.dataDir, 'ca'),
    hostname,
    addresses: boxAddresses(),
    clock,
    log: log.child({ room: 'intake' }),
  });
}

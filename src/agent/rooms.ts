/**
 * The rooms of an agent, and how they are joined.
 *
 * `src/agent.ts` imports this when the spool's thread has begun to look through its file: to compile all of it takes
 * about as long.
 */
import path from 'node:path';
import type { Config } from '../config/schema.ts';
import type { ReloadReport } from '../control/deps.ts';
import { createControlServer } from '../control/server.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { createDispatch } from '../dispatch/dispatch.ts';
import { type Authority, openAuthority } from '../intake/authority.ts';
import { createIntake } from '../intake/intake.ts';
import type { Intake, ServerCertificate } from '../intake/types.ts';
import { createJoin } from '../join/join.ts';
import type { Notices } from '../notices/types.ts';
import type { Catalogue } from '../profiles/types.ts';
import type { Spool } from '../spool/types.ts';
import { boxAddresses } from './box-addresses.ts';
import { type BoxPage, createBoxPage } from './box-page.ts';
import { createConfigTrial } from './config-trial.ts';
import { createControlDeps } from './control-deps.ts';
import { createAgentDevices } from './devices.ts';
import { createAgentDiscovery } from './discovery.ts';
import { createAgentDoctor } from './doctor.ts';
import { createAgentHealth } from './health.ts';
import type { InForce } from './in-force.ts';
import { createAgentNotices } from './notices.ts';
import { createProfilePacks } from './profile-packs.ts';
import { createAgentRecords } from './records.ts';
import { createReloader, type Reloader } from './reload.ts';
import { createRemoteVerbs } from './remote-verbs.ts';
import { createAgentReport } from './report.ts';
import { createRoutesInUse } from './routes-in-use.ts';

/** What an agent is given. */
export interface AgentParts {
  config: Config;
  profiles: Catalogue;
  clock: Clock;
  log: Log;
  /** The file that `readConfig` reads. */
  configFile: string;
  /** Reads the config again, or `text` in its place; throws OperatorError when it can't be used. */
  readConfig(text?: string): { config: Config; warnings: string[] };
  /** The environment of the config, and the newest lines of the log: what a support bundle is made from. */
  support: { env: Record<string, string | undefined>; logTail(): string[] };
}

export interface RoomsDeps extends AgentParts {
  /** May still be opening. */
  spool: Spool;
  /** The box key. */
  key: Buffer;
  inForce: InForce;
  reload(by: string): Promise<ReloadReport>;
  restart(by: string): void;
  /** The rooms that are made later, once they are there. */
  intake(): Intake;
  notices(): Notices | null;
}

/** Builds what needs nothing but the box key, and says how the rest is made. Nothing runs yet. */
export function buildRooms(deps: RoomsDeps) {
  const { config, clock, log, spool, key, inForce, reload, restart, intake } = deps;
  const logOf = (room: string): Log => log.child({ room });
  const broker = () => report.broker();
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
    notices: deps.notices,
    wake: () => dispatch.wake(),
    refresh: () => report.refresh(),
  });
  const diagnose = createAgentDoctor({
    ...{ clock, log: logOf('doctor'), spool, dispatch, inForce, facts: routesInUse.facts, broker, intake },
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
    ...{ records, packs, routesInUse, dispatch, health, discovery, devices, control },
    ...{ report, configTrial, join },
    createIntake: (certificate: ServerCertificate): Intake =>
      createIntake({
        ...{ clock, log: logOf('intake'), spool, settings: config.intake, devices: config.devices },
        ...{ profiles: packs.catalogue, knowledge: devices, certificate, onPart: (id) => join.noticed(id) },
      }),
    /** Of the devices that are in force then. */
    createNotices: () => createAgentNotices({ clock, log: logOf('notices'), spool, dispatch, inForce }),
    createPage: (authority: Authority) =>
      createBoxPage({ log: logOf('web'), authority, profiles: packs.catalogue }),
    createReloader: (parts: { intake: Intake; page: BoxPage; notices: Notices }): Reloader =>
      createReloader({
        ...{ log, spool, record, dispatch, devices, discovery, routesInUse, report, inForce, ...parts },
        readConfig: deps.readConfig,
        certificateFor: async (hostname) => (await openBoxAuthority(deps, hostname)).certificate(),
      }),
  };
}

/** The authority of this box, and the certificate that devices are shown. */
export async function readCertificate(deps: AuthorityDeps) {
  const authority = await openBoxAuthority(deps, deps.config.intake.hostname);
  return { authority, certificate: await authority.certificate() };
}

type AuthorityDeps = Pick<RoomsDeps, 'config' | 'clock' | 'log'>;

function openBoxAuthority({ config, clock, log }: AuthorityDeps, hostname: string): Promise<Authority> {
  return openAuthority({
    directory: path.join(config.dataDir, 'ca'),
    hostname,
    addresses: boxAddresses(),
    clock,
    log: log.child({ room: 'intake' }),
  });
}

/** What the operator's commands act on in this agent, whoever asks: the command line, a signed command, a button. */
import type { Config } from '../config/schema.ts';
import type { ControlDeps } from '../control/deps.ts';
import type { Clock } from '../core/clock.ts';
import type { Intake } from '../intake/types.ts';
import type { Catalogue } from '../profiles/types.ts';
import { BUILT, VERSION } from '../program/version.ts';
import { SCHEMA_VERSION } from '../spool/migrations.ts';
import { adviceFor } from './advice.ts';
import type { InForce } from './in-force.ts';
import { catalogueOf } from './profile-packs.ts';
import { sendTestScan } from './send-test.ts';
import { copySpool } from './spool-copy.ts';

interface AgentFacts {
  config: Config;
  clock: Clock;
  profiles: Catalogue;
  configFile: string;
  support: { env: Record<string, string | undefined>; logTail(): string[] };
}

type ControlParts = Pick<
  ControlDeps,
  | 'spool'
  | 'dispatch'
  | 'devices'
  | 'discovery'
  | 'health'
  | 'broker'
  | 'reload'
  | 'setConfig'
  | 'restart'
  | 'updateProfiles'
  | 'diagnose'
> & {
  inForce: InForce;
  intake(): Intake;
};

export function createControlDeps(
  { config, clock, profiles, configFile, support }: AgentFacts,
  parts: ControlParts,
): ControlDeps {
  const { inForce, intake, ...rooms } = parts;
  const { spool, dispatch } = rooms;
  return {
    ...rooms,
    adviceFor,
    version: VERSION,
    siteId: config.site.id,
    startedAt: clock.now(),
    now: () => clock.now(),
    support: {
      clock,
      logTail: support.logTail,
      places: {
        ...{ file: configFile, env: support.env, dataDir: config.dataDir },
        ...{
          profileIds: (dataDir) => [...catalogueOf(dataDir, profiles).keys()],
          schemaVersion: SCHEMA_VERSION,
        },
        version: { version: VERSION, built: BUILT },
      },
    },
    copySpool: (options, gone) => copySpool({ spool, clock, dataDir: config.dataDir }, options, gone),
    sendTest: (request) =>
      sendTestScan(
        {
          ...{ clock, spool, config: inForce.config, listeners: inForce.listeners },
          intake: intake(),
          dispatch,
        },
        request,
      ),
  };
}

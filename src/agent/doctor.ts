/** What the doctor looks at: this agent and its config in force, or, where none runs, the config and the data folder. */
import { existsSync } from 'node:fs';
import { readBoxKey } from '../config/box-key.ts';
import { changedKeys } from '../config/compare.ts';
import { checkConfig, type ProfileIds } from '../config/load.ts';
import { givenDataDir, type LocateOptions, locateConfig, locateDataDir } from '../config/locate.ts';
import { formatProblem } from '../config/problems.ts';
import type { Config } from '../config/schema.ts';
import type { DoctorRequest } from '../control/protocol.ts';
import type { Clock } from '../core/clock.ts';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { Dispatch } from '../dispatch/types.ts';
import type { BrokerTrial, ConfigFinding, DoctorDeps, DoctorLine } from '../doctor/types.ts';
import type { BrokerFacts } from '../health/sources.ts';
import type { Intake } from '../intake/types.ts';
import { createLog } from '../program/log.ts';
import { unpackNativeAddon } from '../program/native.ts';
import { brokerSettings } from '../report/broker-settings.ts';
import { PROBLEMS as BROKER_PROBLEMS } from '../report/problems.ts';
import type { FactStore } from '../routes/types.ts';
import type { StoppedSpool } from '../spool/inspect-stopped.ts';
import type { Spool } from '../spool/types.ts';
import { adviceFor } from './advice.ts';
import type { InForce } from './in-force.ts';
import { createNameResolver } from './name-resolver.ts';

export interface AgentDoctorDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  dispatch: Pick<Dispatch, 'routes'>;
  inForce: InForce;
  facts: FactStore;
  configFile: string;
  readConfig(): { config: Config; warnings: string[] };
  broker(): BrokerFacts | null;
  intake(): Pick<Intake, 'admits'>;
}

/** The diagnosis of a running agent. */
export function createAgentDoctor(deps: AgentDoctorDeps) {
  return async function* (request: DoctorRequest, signal: AbortSignal): AsyncGenerator<DoctorLine> {
    const { config } = deps.inForce;
    const { findings, changed } = readAgain(deps);
    // Nobody may ever ask, so it is loaded when somebody does.
    const { diagnose } = await import('../doctor/run.ts');
    yield* diagnose(
      {
        ...common(config, deps),
        ...{ config, configFindings: findings, configFile: deps.configFile, dataDir: config.dataDir },
        agent: {
          listeners: () => deps.inForce.listeners,
          admits: (address) => deps.intake().admits(address),
          webPort: () => deps.inForce.webPort,
          routes: () => deps.dispatch.routes(),
          spool: deps.spool,
          broker: deps.broker,
          changedKeys: () => changed,
          adviceFor,
          facts: deps.facts,
        },
      },
      request,
      signal,
    );
  };
}

/** The file as it is now: what its loader says, and where it differs from what is in force. */
function readAgain({ readConfig, inForce }: AgentDoctorDeps): {
  findings: ConfigFinding[];
  changed: string[];
} {
  try {
    const { config, warnings } = readConfig();
    const findings = warnings.map((text): ConfigFinding => ({ severity: 'warning', text }));
    return { findings, changed: changedKeys(inForce.config, config) };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const lines = error.explanation.cause.split('\n');
    return { findings: lines.map((text) => ({ severity: 'error', text })), changed: [] };
  }
}

export interface DiagnoseAlone extends LocateOptions {
  profileIds: ProfileIds;
  clock: Clock;
}

/** As `createAgentDoctor`, where no agent runs; ends at the signal. Nothing is written but the native part of the program. */
export async function* diagnoseAlone(
  { profileIds, clock, ...options }: DiagnoseAlone,
  request: DoctorRequest,
  signal = new AbortController().signal,
): AsyncGenerator<DoctorLine> {
  const file = locateConfig(options);
  const { config, problems } = checkConfig({
    ...{ file, dataDir: givenDataDir(options), env: options.env, profileIds },
  });
  const findings = problems.map((problem) => ({ severity: problem.severity, text: formatProblem(problem) }));
  // What would be logged stands in the lines, and nothing else belongs on the terminal.
  const log = createLog('silent');
  const { diagnose } = await import('../doctor/run.ts');
  yield* diagnose(
    {
      ...common(config, { clock, log }),
      ...{ config, configFindings: findings, configFile: file, agent: null },
      dataDir: config?.dataDir ?? dataDirOf(options),
    },
    request,
    signal,
  );
}

/** The config that would say so may be what is wrong. */
function dataDirOf(options: LocateOptions): string {
  return locateDataDir({ ...options, config: undefined, env: {} });
}

type Common = Pick<DoctorDeps, 'clock' | 'log' | 'resolver' | 'stoppedSpool' | 'tryBroker' | 'systemRoot'>;

function common(config: Config | null, { clock, log }: { clock: Clock; log: Log }): Common {
  return {
    ...{ clock, log, stoppedSpool, systemRoot: '/' },
    resolver: createNameResolver(config?.dns?.servers ?? null),
    tryBroker: (asked, signal) => tryBroker(asked, signal, { clock, log }),
  };
}

/** Null where there is none yet. Loads SQLite, which the command line has no other use for. */
async function stoppedSpool({ dataDir, spool }: Config): Promise<StoppedSpool | null> {
  if (!existsSync(dataDir)) return null;
  const boxKey = readBoxKey(dataDir);
  if (boxKey === null) return null;
  const { inspectStoppedSpool } = await import('../spool/inspect-stopped.ts');
  return inspectStoppedSpool({
    ...{ directory: dataDir, boxKey, maxBytes: spool.maxBytes },
    nativeBinding: unpackNativeAddon(dataDir),
  });
}

/** Connects once, says nothing, and goes. */
async function tryBroker(
  { mqtt, site }: Config,
  signal: AbortSignal,
  { clock, log }: { clock: Clock; log: Log },
): Promise<BrokerTrial> {
  if (mqtt === undefined) throw new Error('no broker is configured');
  const { connectBroker } = await import('../report/connection.ts');
  const outcome = Promise.withResolvers<BrokerTrial>();
  const refuse = (why: BrokerTrial & { isConnected: false }) => outcome.resolve(why);
  const connection = connectBroker({
    ...{ clock, log, will: null, random: Math.random, settings: brokerSettings(mqtt, site.id) },
    onConnect: async () => outcome.resolve({ isConnected: true, version: connection.state().version ?? '?' }),
    onMessage: () => {},
    onState: ({ isConnected, problem }) => {
      if (!isConnected && problem !== null) refuse({ isConnected, why: problem });
    },
  });
  const noAnswer = () =>
    refuse({
      isConnected: false,
      why: BROKER_PROBLEMS.noAnswer(new URL(mqtt.url).host, LIMITS.brokerConnectMaxMs / 1000),
    });
  const timer = clock.schedule(LIMITS.brokerConnectMaxMs, noAnswer);
  signal.addEventListener('abort', noAnswer, { once: true });
  connection.start();
  try {
    return await outcome.promise;
  } finally {
    timer.cancel();
    await connection.stop();
  }
}

/**
 * The command line as the main thread runs it: what its commands need is put together here. Only what every command
 * needs is loaded at once: a command that asks the running agent starts in half the time without the agent's own code.
 */
import type { Worker } from 'node:worker_threads';
import { boxAddresses } from '../agent/box-addresses.ts';
import { createNameResolver } from '../agent/name-resolver.ts';
import { catalogueOf } from '../agent/profile-packs.ts';
import { copyRestingSpool, inspectRestingSpool } from '../agent/spool-copy.ts';
import type { Agent } from '../agent.ts';
import type { CliDeps, RunRequest } from '../cli/context.ts';
import { terminalOutput } from '../cli/output.ts';
import { runCli } from '../cli/program.ts';
import { loadConfig } from '../config/load.ts';
import { givenDataDir, locateConfig } from '../config/locate.ts';
import { formatProblem } from '../config/problems.ts';
import { countTrialStart, undoBeforeStart } from '../config/trial-files.ts';
import { createSystemClock } from '../core/clock.ts';
import { type ExitCode, OperatorError } from '../core/errors.ts';
import { describeError, type Log } from '../core/log.ts';
import { builtInCatalogue } from '../profiles/catalogue.ts';
import type { Catalogue } from '../profiles/types.ts';
import { createLog } from '../program/log.ts';
import { BUILT, CLOCK_FLOOR_MS, VERSION } from '../program/version.ts';
import { SCHEMA_VERSION } from '../spool/migrations.ts';
import { createKeptLog } from '../support/kept-log.ts';
import type { FleetRunDeps } from './fleet.ts';
import { createHeldLog } from './held-log.ts';
import { processTerminal } from './terminal.ts';

let builtIn: Catalogue | null = null;

function builtInProfiles(): Catalogue {
  builtIn ??= builtInCatalogue();
  return builtIn;
}

const profileIds = (dataDir: string) => [...catalogueOf(dataDir, builtInProfiles()).keys()].sort();

type StartWorker = (data: unknown) => Worker;

/** Runs the command of `argv`; resolves with the exit code. `startWorker` starts the thread of the spool. */
export async function runCommandLine(argv: string[], startWorker: StartWorker): Promise<ExitCode> {
  // Timers of the clock don't keep the process alive: a command that waits for one alone would end without a word.
  const keepAlive = setInterval(() => {}, 2 ** 30);
  try {
    return await runCli(argv, depsOf(startWorker));
  } finally {
    clearInterval(keepAlive);
  }
}

function depsOf(startWorker: StartWorker): CliDeps {
  return {
    output: terminalOutput,
    env: process.env,
    version: { version: VERSION, built: BUILT, node: process.version },
    profileIds,
    profiles: (dataDir) => (dataDir === null ? builtInProfiles() : catalogueOf(dataDir, builtInProfiles())),
    boxAddresses,
    runAgent: (request) => runAgent(request, startWorker),
    setup: {
      clock: createSystemClock(CLOCK_FLOOR_MS),
      log: createLog('silent'),
      resolver: createNameResolver,
    },
    ...{ inspectRestingSpool, schemaVersion: SCHEMA_VERSION },
    copyRestingSpool: (dataDir, options) =>
      copyRestingSpool({ dataDir, startWorker, log: createLog('warn') }, options),
    runDemo: async (request) => {
      const { runDemo } = await import('./demo.ts');
      const stop = listenForStop();
      try {
        return await runDemo({
          ...{ ...request, profiles: builtInProfiles(), startWorker, output: terminalOutput },
          stopped: stop.received,
        });
      } finally {
        stop.unlisten();
      }
    },
    async *searchAlone(request) {
      const { searchAlone } = await import('../agent/discovery.ts');
      const profiles = builtInProfiles();
      yield* searchAlone({ ...request, clock: createSystemClock(CLOCK_FLOOR_MS), profiles });
    },
    async *diagnoseAlone(request, options, signal) {
      const { diagnoseAlone } = await import('../agent/doctor.ts');
      yield* diagnoseAlone(
        { ...request, profileIds, clock: createSystemClock(CLOCK_FLOOR_MS) },
        options,
        signal,
      );
    },
    // What runs once says what went wrong itself, in sentences.
    runFleet: (request) =>
      inFleet(
        { logLevel: request.once ? 'error' : 'warn', mayDraw: !request.once && !request.json },
        (fleet, parts) => fleet.runWatch(request, parts),
      ),
    sendFleet: (request) =>
      inFleet({ logLevel: 'error', mayDraw: false }, (fleet, parts) => fleet.runSend(request, parts)),
  };
}

/**
 * Loads the fleet, which an agent has no use for, and runs it until it ends or is stopped.
 * @param mayDraw whether it draws its table where there is a terminal.
 */
async function inFleet(
  { logLevel, mayDraw }: { logLevel: 'warn' | 'error'; mayDraw: boolean },
  run: (fleet: typeof import('./fleet.ts'), deps: FleetRunDeps) => Promise<ExitCode>,
): Promise<ExitCode> {
  const fleet = await import('./fleet.ts');
  const terminal = processTerminal(process.env);
  const log = createHeldLog(createLog(logLevel, 2));
  // Lines between those of the table would spoil it; without one, and where the log goes elsewhere, it goes at once.
  if (!mayDraw || terminal === null || !process.stderr.isTTY) log.release();
  const stop = listenForStop();
  try {
    return await run(fleet, {
      ...{
        clock: createSystemClock(CLOCK_FLOOR_MS),
        log,
        output: terminalOutput,
        env: process.env,
        terminal,
      },
      random: Math.random,
      stopped: stop.received,
    });
  } finally {
    stop.unlisten();
    log.release();
  }
}

/** Runs the agent; where it does not start with a config on trial, with the one before it. */
async function runAgent(request: RunRequest, startWorker: StartWorker): Promise<ExitCode> {
  const file = locateConfig(request);
  const log = createLog(request.logLevel);
  if (countTrialStart(file)) log.error('config.trial-undone', { file });
  try {
    return await runOnce({ ...request, file }, startWorker);
  } catch (error) {
    if (!(error instanceof OperatorError) || !undoBeforeStart(file, error.explanation)) throw error;
    log.error('config.trial-undone', { file, error: describeError(error) });
    return await runOnce({ ...request, file }, startWorker);
  }
}

async function runOnce(request: RunRequest & { file: string }, startWorker: StartWorker): Promise<ExitCode> {
  const { file } = request;
  const readConfig = (text?: string) => {
    const loaded = loadConfig({ file, text, dataDir: givenDataDir(request), env: request.env, profileIds });
    return { config: loaded.config, warnings: loaded.warnings.map(formatProblem) };
  };
  const { config, warnings } = readConfig();
  const clock = createSystemClock(CLOCK_FLOOR_MS);
  const keptLog = createKeptLog({ clock, directory: config.dataDir });
  const log = createLog(request.logLevel, 1, keptLog.add);
  // However the process ends, but for a kill.
  process.once('exit', keptLog.flush);
  for (const message of warnings) log.warn('config.warning', { message });
  const { createAgent } = await import('../agent.ts');
  const agent = createAgent({
    ...{ config, profiles: builtInProfiles(), clock, log, startWorker, readConfig, configFile: file },
    support: { env: request.env, logTail: keptLog.tail },
  });
  // Before the start: a signal that comes early must not end the process in the middle of it.
  const stop = listenForStop();
  const unlisten = onHangUp(() => agent.reload('SIGHUP'), log);
  try {
    await agent.start();
    return await runUntil(stop.received, agent, log);
  } finally {
    stop.unlisten();
    unlisten();
    // The process may linger behind a name lookup that nobody answers, until its service manager kills it.
    keptLog.flush();
  }
}

async function runUntil(stopped: Promise<void>, agent: Agent, log: Log): Promise<ExitCode> {
  try {
    await Promise.race([stopped, agent.fatal, agent.restartAsked]);
    return 0;
  } catch (error) {
    log.error('agent.failed', { error: describeError(error) });
    return 1;
  } finally {
    await agent.stop();
  }
}

/** SIGHUP reads the config again, as everywhere; returns what ends that. */
function onHangUp(reload: () => Promise<unknown>, log: Log): () => void {
  const onSignal = (): void => {
    reload().catch((error: unknown) => {
      log.error('config.reload-failed', { error: describeError(error) });
    });
  };
  process.on('SIGHUP', onSignal);
  return () => process.removeListener('SIGHUP', onSignal);
}

interface StopSignal {
  /** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once, as nobody listens any more. */
  received: Promise<void>;
  unlisten(): void;
}

function listenForStop(): StopSignal {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onSignal = (): void => {
    unlisten();
    resolve();
  };
  const unlisten = (): void => {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return { received: promise, unlisten };
}

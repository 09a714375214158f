/** What every command of the command line has at hand. */
import type { ProfileIds } from '../config/load.ts';
import { type LocateOptions, locateDataDir } from '../config/locate.ts';
import type { Config } from '../config/schema.ts';
import { type ControlClient, createControlClient } from '../control/client.ts';
import type { DoctorRequest } from '../control/protocol.ts';
import { type ExitCode, OperatorError } from '../core/errors.ts';
import type { EventRecord } from '../core/events.ts';
import type { DiscoveryStep } from '../discovery/types.ts';
import type { DoctorLine } from '../doctor/types.ts';
import type { SendRequest, WatchRequest } from '../fleet/request.ts';
import type { Catalogue } from '../profiles/types.ts';
import type { SetupDeps } from '../setup/look.ts';
import type { Output } from './output.ts';

export interface RunRequest extends LocateOptions {
  logLevel: 'debug' | 'info' | 'warn' | 'error';
}

export interface DemoRequest {
  /** Stop after the simulated devices have sent. */
  once: boolean;
  /** Port of the demo's own listener; null takes a free one. */
  port: number | null;
}

export interface SearchRequest {
  /** Null where there is none yet: then the network has to be named. */
  config: Config | null;
  network: string | undefined;
  signal: AbortSignal;
}

/** What the spool of a stopped agent shows; `events` are the newest, the oldest first. */
export interface RestingSpool {
  found: unknown;
  events: EventRecord[];
}

export interface CliDeps {
  output: Output;
  env: Record<string, string | undefined>;
  version: { version: string; built: string | null; node: string };
  profileIds: ProfileIds;
  /** The catalogue: with a data folder also what is stored there. */
  profiles(dataDir: string | null): Catalogue;
  /** IP addresses of this machine. */
  boxAddresses(): string[];
  /** Runs the agent until it is told to stop. Supplied by src/run/command-line.ts. */
  runAgent(request: RunRequest): Promise<ExitCode>;
  /** What `init` tries its answers with. */
  setup: SetupDeps;
  /** Looks through the spool of a data folder in which no agent runs; null where there is none. */
  inspectRestingSpool(dataDir: string): RestingSpool | null;
  /** Version of the spool's schema that this program writes. */
  schemaVersion: number;
  /** Copies the spool of a data folder in which no agent runs; null where there is none. */
  copyRestingSpool(dataDir: string, options: { messages: boolean }): Promise<string | null>;
  runDemo(request: DemoRequest): Promise<ExitCode>;
  /** Searches for devices in this process; nothing is kept. */
  searchAlone(request: SearchRequest): AsyncIterable<DiscoveryStep>;
  /** Looks at a site whose agent does not run, in this process. */
  diagnoseAlone(
    request: LocateOptions,
    options: DoctorRequest,
    signal?: AbortSignal,
  ): AsyncIterable<DoctorLine>;
  /** Watches the sites of a broker until it is stopped, or once. */
  runFleet(request: WatchRequest): Promise<ExitCode>;
  /** Sends a signed command to sites. */
  sendFleet(request: SendRequest): Promise<ExitCode>;
}

export interface CliContext extends Omit<CliDeps, 'profiles'> {
  profiles(): Catalogue;
  options(): LocateOptions;
  /** Whether `--json` was given. */
  asJson(): boolean;
  dataDir(): string;
  client(): ControlClient;
  /** Set by a command that found a problem. */
  exitCode: ExitCode;
}

export function createContext(deps: CliDeps, read: () => Record<string, unknown>): CliContext {
  const options = (): LocateOptions => {
    const { config, data } = read();
    return {
      config: typeof config === 'string' ? config : undefined,
      data: typeof data === 'string' ? data : undefined,
      env: deps.env,
    };
  };
  const dataDir = () => locateDataDir(options());
  return {
    ...deps,
    profiles: () => deps.profiles(knownDataDir(dataDir)),
    options,
    asJson: () => read()['json'] === true,
    dataDir,
    client: () => createControlClient(dataDir()),
    exitCode: 0,
  };
}

/** What only shows the catalogue works without a config as well. */
function knownDataDir(locate: () => string): string | null {
  try {
    return locate();
  } catch (error) {
    if (error instanceof OperatorError) return null;
    throw error;
  }
}

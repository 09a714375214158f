/** `scanferry fleet` as the main thread runs it: builds what was asked for, starts it, and stops it in reverse. */
import path from 'node:path';
import { VERBS } from '../agent/remote-verbs.ts';
import type { Output } from '../cli/output.ts';
import type { Clock } from '../core/clock.ts';
import type { ExitCode } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { createAlertCommand } from '../fleet/alert-command.ts';
import { type Alert, formatAlert } from '../fleet/alerts.ts';
import { createFleetBroker, type FleetBroker } from '../fleet/broker.ts';
import { brokerSettings } from '../fleet/broker-settings.ts';
import { type Commander, createCommander } from '../fleet/commander.ts';
import { createFleet, type Fleet } from '../fleet/fleet.ts';
import { createHistory, type History } from '../fleet/history.ts';
import { readKey, readText } from '../fleet/keys.ts';
import { readPlace } from '../fleet/listen.ts';
import { createMetricsServer } from '../fleet/metrics-server.ts';
import { outcomeText } from '../fleet/outcome-text.ts';
import type { SendRequest, WatchRequest, WebRequest } from '../fleet/request.ts';
import { createScreen, type Terminal } from '../fleet/screen.ts';
import { type SiteOutcome, sendToSites } from '../fleet/send.ts';
import { countLine, siteTable } from '../fleet/table.ts';
import type { VerbHelp } from '../fleet/web/commands.ts';
import type { FleetWeb } from '../fleet/web/web.ts';
import { webPassword } from '../fleet/web-password.ts';
import { isLoopback } from '../pages/same-origin.ts';
import { unpackNativeAddon } from '../program/native.ts';

export interface FleetRunDeps {
  clock: Clock;
  log: Log;
  output: Output;
  env: Record<string, string | undefined>;
  random(): number;
  /** Null where the output is no terminal: then alerts are lines. */
  terminal: Terminal | null;
  /** Resolves when somebody ends the program. */
  stopped: Promise<void>;
}

const LINE_WIDTH = 160;

/** Watches until it is stopped; with `once`, until the state of all sites is in. Exit code 1 where a site fails. */
export async function runWatch(request: WatchRequest, deps: FleetRunDeps): Promise<ExitCode> {
  const broker = makeBroker(request.broker, deps);
  const history = request.web === undefined ? null : makeHistory(request.web, deps);
  const fleet = createFleet({ clock: deps.clock, broker, history, group: request.group ?? null });
  const stops: (() => unknown)[] = [];
  try {
    if (history !== null) {
      history.start();
      stops.unshift(() => history.stop());
    }
    await startServers(request, deps, { broker, fleet, history, stops });
    broker.start();
    stops.unshift(() => broker.stop());
    fleet.start();
    stops.unshift(() => fleet.stop());
    return request.once
      ? await showOnce(request, deps, broker, fleet)
      : await watch(request, deps, broker, fleet);
  } finally {
    for (const stop of stops) await stop();
  }
}

function makeBroker(request: WatchRequest['broker'], { clock, log, random, env }: FleetRunDeps): FleetBroker {
  return createFleetBroker({ clock, log, random, settings: brokerSettings(request, env) });
}

function makeHistory({ dataDir, historyBytes }: WebRequest, { clock, log }: FleetRunDeps): History {
  const settings = {
    file: path.join(dataDir, 'fleet.sqlite'),
    nativeBinding: unpackNativeAddon(dataDir),
    maxBytes: historyBytes,
  };
  return createHistory({ clock, log, settings });
}

interface Parts {
  broker: FleetBroker;
  fleet: Fleet;
  history: History | null;
  /** What is to be stopped, the latest first. */
  stops: (() => unknown)[];
}

async function startServers(request: WatchRequest, deps: FleetRunDeps, parts: Parts): Promise<void> {
  const { broker, fleet, history, stops } = parts;
  if (request.metrics !== undefined) {
    const listen = readPlace(request.metrics);
    const source = () => ({
      rows: fleet.registry.rows(),
      telemetry: () => fleet.registry.telemetry(),
      isConnected: broker.trouble() === null,
      refused: fleet.registry.refused(),
    });
    const server = createMetricsServer({ log: deps.log, listen, source });
    const port = await server.start();
    stops.unshift(() => server.stop());
    deps.output.error(`Numbers for Prometheus: ${addressOf('http', listen.address, port)}/metrics`);
  }
  if (request.web !== undefined && history !== null) {
    const web = await startWeb(request.web, deps, { broker, fleet, history });
    stops.unshift(() => web.stop());
  }
}

async function startWeb(
  request: WebRequest,
  deps: FleetRunDeps,
  parts: { broker: FleetBroker; fleet: Fleet; history: History },
): Promise<FleetWeb> {
  const { clock, log, output, env } = deps;
  const { createFleetWeb } = await import('../fleet/web/web.ts');
  const listen = readPlace(request.listen);
  const tls =
    request.certificate === undefined
      ? null
      : { cert: readText(request.certificate.cert), key: readText(request.certificate.key) };
  const password = await webPassword({
    ...{ address: listen.address, hasKey: request.key !== undefined, dataDir: request.dataDir },
    given: env['SCANFERRY_FLEET_WEB_PASSWORD'],
  });
  const commands = request.key === undefined ? null : makeCommands(request.key, clock, parts.broker);
  const web = createFleetWeb({
    ...{ clock, log, listen, tls, commands, passwordHash: password.hash },
    ...parts,
  });
  const port = await web.start();
  output.error(`Dashboard: ${addressOf(tls === null ? 'http' : 'https', listen.address, port)}/`);
  if (password.made !== null) {
    output.error(`Password, shown this once: ${password.made}`);
  }
  if (tls === null && !isLoopback(listen.address)) {
    output.error(
      'The password goes over the network in clear: name --web-cert and --web-key, or put a proxy with TLS before it.',
    );
  }
  return web;
}

const COMMANDS_REMEMBERED = 200;

function makeCommands(request: NonNullable<WebRequest['key']>, clock: Clock, broker: FleetBroker) {
  const key = readKey(request.file, request.id);
  const commander: Commander = createCommander({ clock, broker, key, commandsMax: COMMANDS_REMEMBERED });
  return { commander, keyId: key.id, verbs: verbHelp() };
}

function verbHelp(): VerbHelp {
  const help = Object.entries(VERBS).map(([verb, row]) => [verb, row.help] as const);
  // The keys are those of VERBS.
  return Object.fromEntries(help) as VerbHelp;
}

function addressOf(scheme: string, address: string, port: number): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${scheme}://${host}:${port}`;
}

async function showOnce(
  request: WatchRequest,
  { clock, output, terminal, stopped }: FleetRunDeps,
  broker: FleetBroker,
  fleet: Fleet,
): Promise<ExitCode> {
  const isStopped = await Promise.race([broker.connected(), stopped.then(() => true)]);
  if (isStopped !== true) await Promise.race([fleet.settled(), stopped]);
  const rows = fleet.registry.rows();
  if (request.json) output.json(rows);
  else {
    const width = terminal?.columns() ?? LINE_WIDTH;
    output.line(countLine(rows));
    if (rows.length > 0) {
      output.line();
      const options = { now: clock.now(), width, hasColour: terminal?.hasColour ?? false };
      for (const line of siteTable(rows, options)) output.line(line);
    }
  }
  return rows.some(({ level }) => level === 'fail') ? 1 : 0;
}

async function watch(
  request: WatchRequest,
  deps: FleetRunDeps,
  broker: FleetBroker,
  fleet: Fleet,
): Promise<ExitCode> {
  const { clock, log, output, terminal, stopped } = deps;
  const command =
    request.onAlert === undefined ? null : createAlertCommand({ clock, log, command: request.onAlert });
  const isScreen = terminal !== null && !request.json;
  fleet.onLook(({ alerts }) => {
    for (const alert of alerts) {
      if (!isScreen) printAlert(output, alert, request.json);
      command?.run(alert);
    }
  });
  if (isScreen) {
    const name = new URL(request.broker.url).host;
    const screen = createScreen({ clock, terminal, fleet, trouble: () => broker.trouble(), broker: name });
    try {
      await Promise.race([screen.run(), stopped]);
    } finally {
      screen.stop();
    }
  } else await stopped;
  await command?.idle();
  return 0;
}

/** One line an alert, also as JSON: whoever reads this is a log or a program. */
function printAlert(output: Output, alert: Alert, asJson: boolean): void {
  output.line(asJson ? JSON.stringify(alert) : formatAlert(alert));
}

/** Sends one command to many sites. Exit code 1 where any of them did not succeed. */
export async function runSend(request: SendRequest, deps: FleetRunDeps): Promise<ExitCode> {
  const { clock, output, stopped } = deps;
  const broker = makeBroker(request.broker, deps);
  const key = readKey(request.key.file, request.key.id);
  const sitesMax = Math.max(1, request.sites.length);
  const fleet = request.sites.length > 0 ? null : createFleet({ clock, broker, history: null, group: null });
  const commander = createCommander({
    clock,
    broker,
    key,
    commandsMax: fleet === null ? sitesMax : COMMANDS_ALL,
  });
  const run = async (): Promise<SiteOutcome[]> => {
    broker.start();
    fleet?.start();
    await broker.connected();
    await fleet?.settled();
    const sites =
      fleet === null
        ? request.sites
        : fleet.registry
            .rows()
            .map(({ site }) => site)
            .sort();
    const { verb, args, waitMs } = request;
    const onOutcome = (outcome: SiteOutcome) => request.json || output.line(outcomeText(outcome, verb));
    return sendToSites({ clock, commander }, { sites, verb, args, waitMs, onOutcome });
  };
  try {
    const outcomes = await Promise.race([run(), stopped.then(() => null)]);
    if (outcomes === null) return 1;
    if (request.json) output.json(outcomes);
    return outcomes.length > 0 && outcomes.every(({ state }) => state === 'succeeded') ? 0 : 1;
  } finally {
    fleet?.stop();
    await broker.stop();
  }
}

/** Every site of a broker at once. */
const COMMANDS_ALL = 20_000;

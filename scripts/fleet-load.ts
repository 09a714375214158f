/**
 * `node scripts/fleet-load.ts`: many simulated sites on one Mosquitto, watched by the fleet as it is shipped; then the
 * broker is restarted. Prints one table (docs/scale.md shows one of them).
 *
 * Every site is room report as an agent runs it: topics, payloads, rates and backoff are the real ones. Everything is on
 * loopback, and ends with this process. Needs `make peers build`, and root where the limit of open files is low.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runOrThrow } from '../test/support/processes.ts';
import { type LoadBroker, startLoadBroker } from './fleet-load/broker.ts';
import {
  connectRates,
  load,
  machine,
  mib,
  percent,
  type Sample,
  seconds,
  startMeter,
  timeUntil,
} from './fleet-load/figures.ts';
import { type FleetProcess, startFleetProcess } from './fleet-load/fleet-process.ts';
import { type Observer, startObserver } from './fleet-load/observer.ts';
import { type SiteProcesses, startSiteProcesses } from './fleet-load/site-processes.ts';

interface Plan {
  sites: number;
  processes: number;
  minutes: number;
  devices: number;
  scansPerHour: number;
  /** How long the broker is away, milliseconds. */
  downMs: number;
  /** Sites started a second. */
  startsPerSecond: number;
}

interface Stage {
  plan: Plan;
  broker: LoadBroker;
  sites: SiteProcesses;
  observer: Observer;
  fleet: FleetProcess;
  samples: Sample[];
  begunAt: number;
}

const HELP = `node scripts/fleet-load.ts [options]
  --sites 10000            simulated sites
  --processes 4            processes they are in
  --minutes 10             steady time before the restart
  --devices 4              devices a site
  --scans-per-hour 5       scans of a site
  --down-seconds 5         how long the broker is away
  --starts-per-second 100  how fast the sites come the first time
  --out FILE               all samples as JSON`;

/** Files of one process: connections, and what it has open otherwise. */
const FILES_SPARE = 500;
const SAMPLE_MS = 1000;
const SCRAPE_MS = 15_000;
/** The longest wait of a site before another try, and the try. */
const RETURN_MAX_MS = 6 * 60_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sites: { type: 'string', default: '10000' },
      processes: { type: 'string', default: '4' },
      minutes: { type: 'string', default: '10' },
      devices: { type: 'string', default: '4' },
      'scans-per-hour': { type: 'string', default: '5' },
      'down-seconds': { type: 'string', default: '5' },
      'starts-per-second': { type: 'string', default: '100' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const plan: Plan = {
    ...{ sites: Number(values.sites), processes: Number(values.processes), minutes: Number(values.minutes) },
    ...{ devices: Number(values.devices), scansPerHour: Number(values['scans-per-hour']) },
    downMs: Number(values['down-seconds']) * 1000,
    startsPerSecond: Number(values['starts-per-second']),
  };
  if (Object.values(plan).some((value) => !Number.isFinite(value) || value < 0)) throw new Error(HELP);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'scanferry-fleet-load-'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      rmSync(folder, { recursive: true, force: true });
      process.exit(1);
    });
  }
  try {
    const samples = await run(plan, folder);
    if (values.out !== undefined) writeFileSync(values.out, JSON.stringify(samples));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(plan: Plan, folder: string): Promise<Sample[]> {
  console.log(`${machine()}, load ${load()}`);
  const filesMax = plan.sites + FILES_SPARE;
  // The processes of sites inherit it from this one.
  await runOrThrow('prlimit', [`--pid=${process.pid}`, `--nofile=${filesMax}:`]);
  const broker = await startLoadBroker({ folder, addresses: plan.processes, filesMax, tls: null, log: note });
  const observer = await startObserver(broker.watchUrl);
  const fleet = await startFleetProcess(broker.watchUrl, folder);
  const sites = startSiteProcesses({
    ...{ sites: plan.sites, urls: broker.urls, devicesPerSite: plan.devices, ca: undefined },
    ...{ scansPerHour: plan.scansPerHour, rampMs: (plan.sites / plan.startsPerSecond) * 1000 },
  });
  const stage: Stage = { plan, broker, sites, observer, fleet, samples: [], begunAt: performance.now() };
  const sampling = setInterval(() => stage.samples.push(sampleOf(stage)), SAMPLE_MS);
  try {
    await comeUp(stage);
    await stayAndMeasure(stage);
    await restartAndMeasure(stage);
    return stage.samples;
  } finally {
    clearInterval(sampling);
    await sites.stop();
    await fleet.stop();
    await observer.stop();
    await broker.stop();
  }
}

function sampleOf({ begunAt, sites, observer }: Stage): Sample {
  const { connected, connects, waits } = sites.figures();
  return { ms: performance.now() - begunAt, connected, online: observer.online(), connects, waits };
}

async function comeUp(stage: Stage): Promise<void> {
  const { plan, observer, fleet, sites } = stage;
  await until(stage, () => observer.online() >= plan.sites, 'all sites online');
  note(`all ${plan.sites} sites online after ${seconds(stage.samples.at(-1)?.ms ?? null)}, load ${load()}`);
  const scrape = await untilFleet(stage);
  note(`fleet: ${JSON.stringify(scrape)}, warnings of sites ${JSON.stringify(sites.figures().warnings)}`);
  note(`fleet alerts so far: ${JSON.stringify(fleet.alerts())}`);
}

async function stayAndMeasure(stage: Stage): Promise<void> {
  const { plan, sites, observer, fleet } = stage;
  const meters = metersOf(stage);
  const before = { carried: observer.carried(), scans: sites.figures().scans, at: performance.now() };
  const end = performance.now() + plan.minutes * 60_000;
  const scrapes: number[] = [];
  let bytes = 0;
  let leastOnline = plan.sites;
  while (performance.now() < end) {
    await pause(Math.min(SCRAPE_MS, Math.max(0, end - performance.now())));
    const scrape = await fleet.scrape();
    scrapes.push(scrape.ms);
    bytes = scrape.bytes;
    leastOnline = Math.min(leastOnline, observer.online(), scrape.up);
  }
  const elapsed = (performance.now() - before.at) / 1000;
  const carried = observer.carried();
  const rate = (now: number, then: number) => `${Math.round((now - then) / elapsed)}/s`;
  const [used, fleetUsed, sitesUsed] = [meters.broker.read(), meters.fleet.read(), meters.sites.read()];
  print(`${plan.sites} sites for ${Math.round(elapsed)} s, load ${load()}`, [
    ['sites online, least at any time', String(leastOnline)],
    ['messages from sites to the broker', rate(carried.received, before.carried.received)],
    ['messages from the broker to watchers and sites', rate(carried.sent, before.carried.sent)],
    ['scans told of', rate(sites.figures().scans, before.scans)],
    ['broker CPU, memory', `${percent(used.cpuShare)}, ${mib(used.residentBytes)}`],
    [
      'fleet CPU, memory (scraped every 15 s)',
      `${percent(fleetUsed.cpuShare)}, ${mib(fleetUsed.residentBytes)}`,
    ],
    ['all numbers for Prometheus', `${mib(bytes)}, ${ms(median(scrapes))}`],
    ['first page of the dashboard', ms(median(await times(5, () => fleet.page())))],
    ['simulated sites CPU, memory', `${percent(sitesUsed.cpuShare)}, ${mib(sitesUsed.residentBytes)}`],
  ]);
  for (const meter of Object.values(meters)) meter.stop();
  note(`fleet alerts so far: ${JSON.stringify(fleet.alerts())}`);
}

async function restartAndMeasure(stage: Stage): Promise<void> {
  const { plan, broker, sites, observer, fleet } = stage;
  const alertsBefore = fleet.alerts();
  const before = sites.figures();
  const stopAt = performance.now();
  await broker.restart(plan.downMs);
  const first = stage.samples.length;
  const meters = metersOf(stage);
  const away = performance.now() - stopAt;
  await until(
    stage,
    () => observer.online() >= plan.sites && sites.figures().connected >= plan.sites,
    'all back',
  );
  const storm = stage.samples.slice(first);
  const scrape = await untilFleet(stage);
  const fleetMs = (stage.samples.at(-1)?.ms ?? 0) - (storm[0]?.ms ?? 0);
  const [used, fleetUsed] = [meters.broker.read(), meters.fleet.read()];
  const rates = connectRates(storm);
  const waits = sites.figures().waits - before.waits;
  const share = (part: number) => Math.floor(plan.sites * part);
  // What was alerted must be taken back, and nothing may follow.
  await pause(10_000);
  print(`Broker restarted, away for ${seconds(away)}, load ${load()}`, [
    ['connections in the busiest second', String(Math.round(rates.second))],
    ['connections a second in the busiest ten', String(Math.round(rates.tenSeconds))],
    ['waits before a try, per site', (waits / plan.sites).toFixed(2)],
    ['half of the sites online after', seconds(timeUntil(storm, 'online', share(0.5)))],
    ['99 % online after', seconds(timeUntil(storm, 'online', share(0.99)))],
    ['all online after', seconds(timeUntil(storm, 'online', plan.sites))],
    ['all online in the fleet after', seconds(fleetMs)],
    ['sites that the broker knows, sites that the fleet calls online', `${observer.known()}, ${scrape.up}`],
    ['connections lost by sites in the whole run', String(sites.figures().losses)],
    ['alerts of the fleet', JSON.stringify(difference(fleet.alerts(), alertsBefore))],
    ['broker CPU, memory', `${percent(used.cpuShare)}, ${mib(used.residentBytes)}`],
    ['fleet CPU, memory', `${percent(fleetUsed.cpuShare)}, ${mib(fleetUsed.residentBytes)}`],
    ['warnings of sites', JSON.stringify(sites.figures().warnings)],
  ]);
  for (const meter of Object.values(meters)) meter.stop();
  const errors = fleet.errors().trim().split('\n').slice(2);
  note(`fleet said: ${errors.slice(0, 5).join(' / ') || 'nothing'}`);
}

function metersOf({ broker, fleet, sites }: Stage) {
  return {
    broker: startMeter([broker.pid()]),
    fleet: startMeter([fleet.pid]),
    sites: startMeter(sites.pids),
  };
}

/** Looks at every sample until `isDone`, and gives up when nobody can come back any more. */
async function until(stage: Stage, isDone: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + RETURN_MAX_MS + (stage.plan.sites / stage.plan.startsPerSecond) * 1000;
  while (!isDone()) {
    if (performance.now() > deadline) {
      throw new Error(`never: ${what}; last sample ${JSON.stringify(stage.samples.at(-1))}`);
    }
    await pause(SAMPLE_MS / 4);
  }
}

async function untilFleet(stage: Stage) {
  const deadline = performance.now() + RETURN_MAX_MS;
  for (;;) {
    const scrape = await stage.fleet.scrape();
    if (scrape.up >= stage.plan.sites) return scrape;
    if (performance.now() > deadline) throw new Error(`the fleet sees ${JSON.stringify(scrape)}`);
    await pause(SCRAPE_MS / 3);
  }
}

function difference(now: Record<string, number>, before: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(now)
      .map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const)
      .filter(([, count]) => count !== 0),
  );
}

async function times(count: number, measure: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let index = 0; index < count; index += 1) values.push(await measure());
  return values;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}

function note(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
}

function print(title: string, rows: readonly [string, string][]): void {
  console.log(
    `\n| ${title} | |\n|---|---|\n${rows.map(([name, value]) => `| ${name} | ${value} |`).join('\n')}\n`,
  );
}

await main();

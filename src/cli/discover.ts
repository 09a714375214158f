/** `scanferry discover`: the devices on the network as they are found, each with its profile and why. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { givenDataDir, locateConfig } from '../config/locate.ts';
import type { Config } from '../config/schema.ts';
import { isNotRunning } from '../control/client.ts';
import { wrapText } from '../core/break-lines.ts';
import type { DiscoveryStep, FoundDevice, SearchSummary } from '../discovery/types.ts';
import type { CliContext } from './context.ts';
import { usage } from './filter.ts';
import { createLiveTable, formatCount, formatDuration, formatTime, type LiveTable } from './output.ts';

interface Options {
  network?: string;
  known?: true;
  all?: true;
}

export function addDiscoverCommand(program: Command, context: CliContext): void {
  program
    .command('discover')
    .description('find the devices on the network, and say which profile each has and why')
    .option(
      '--network <cidr>',
      'search this part of the configured networks; any one where there is no config',
    )
    .option('--known', 'show what was found before, and ask nobody')
    .option('--all', 'show computers and parts of the network as well')
    .action(async (options: Options) => {
      if (options.known && options.network !== undefined) {
        throw usage('discover', '--known asks nobody, so it takes no --network.');
      }
      if (options.known) await showKnown(context);
      else await searchNow(context, options);
    });
}

async function showKnown(context: CliContext): Promise<void> {
  const known = await context.client().call('discover.known', {});
  context.exitCode = known.length === 0 ? 1 : 0;
  if (context.asJson()) return context.output.json(known);
  if (known.length === 0) {
    context.output.line('No search has found a device yet; `scanferry discover` searches now.');
    return;
  }
  const table = deviceTable(context);
  for (const { device, firstFoundAt, lastFoundAt } of known) {
    const last = lastFoundAt === null ? '' : `, again ${formatTime(lastFoundAt)}`;
    table.row(cellsOf(device), [...notesOf(device), `First found ${formatTime(firstFoundAt)}${last}.`]);
  }
}

async function searchNow(context: CliContext, options: Options): Promise<void> {
  const devices: FoundDevice[] = [];
  const table = deviceTable(context);
  for await (const step of stepsOf(context, options.network)) {
    if (step.step === 'found' && (step.device.isDevice || options.all)) {
      devices.push(step.device);
      if (!context.asJson()) table.row(cellsOf(step.device), notesOf(step.device));
    }
    if (step.step === 'progress') showProgress(context, step);
    if (step.step === 'done') finish(context, options, { devices, summary: step });
  }
}

/** By the agent where one runs, so that it keeps what is found; else by this process. */
async function* stepsOf(context: CliContext, network: string | undefined): AsyncGenerator<DiscoveryStep> {
  try {
    yield* context.client().discover({ network });
  } catch (error) {
    if (!isNotRunning(error)) throw error;
    const signal = new AbortController().signal;
    yield* context.searchAlone({ config: configIfAny(context), network, signal });
  }
}

/** Null where there is none at the usual place and none was named. */
function configIfAny(context: CliContext): Config | null {
  const options = context.options();
  const file = locateConfig(options);
  const isNamed = options.config !== undefined || context.env['SCANFERRY_CONFIG'] !== undefined;
  if (!isNamed && !existsSync(file)) return null;
  return loadConfig({
    ...{ file, dataDir: givenDataDir(options) },
    ...{ env: context.env, profileIds: context.profileIds },
  }).config;
}

const COLUMNS = { ADDRESS: 15, DEVICE: 23, PROFILE: 24, FIRMWARE: 17, 'IN THE CONFIG': 13 };

function deviceTable(context: CliContext): LiveTable {
  return createLiveTable(context.output, COLUMNS);
}

function cellsOf(device: FoundDevice): string[] {
  const { address, model, title, maker, names, profile, firmware, configuredAs } = device;
  return [
    address,
    model ?? title ?? names[0] ?? maker ?? 'unknown',
    profile ?? '-',
    firmware ?? '-',
    configuredAs ?? '-',
  ];
}

function notesOf({ why, foundBy, advice }: FoundDevice): string[] {
  const by = foundBy.length === 0 ? '' : ` (${foundBy.join(', ')})`;
  return [`${why}${by}`, ...advice];
}

/** On a terminal a person waits; a quarter each is enough to see that it goes on. */
function showProgress({ output, asJson }: CliContext, { asked, of }: { asked: number; of: number }): void {
  const quarter = Math.ceil(of / 4);
  const isQuarter = Math.floor(asked / quarter) > Math.floor((asked - Math.ceil(of / 100)) / quarter);
  if (output.width !== undefined && !asJson() && isQuarter && asked < of) {
    output.error(`asked ${asked} of ${of} addresses`);
  }
}

function finish(
  context: CliContext,
  options: Options,
  { devices, summary }: { devices: FoundDevice[]; summary: SearchSummary & { step?: 'done' } },
): void {
  const { step: _, ...rest } = summary;
  context.exitCode = rest.devices > 0 && rest.isComplete ? 0 : 1;
  if (context.asJson()) context.output.json({ devices, summary: rest });
  else {
    const lines = summaryText(rest, options, devices);
    context.output.line(`\n${lines.map((line) => wrapText(line, 0, context.output.width)).join('\n')}`);
  }
}

function summaryText(
  { asked, answered, devices, tookMs, isComplete }: SearchSummary,
  { all }: Options,
  found: readonly FoundDevice[],
): string[] {
  const others = answered - devices;
  const ready = found.find(({ profile, configuredAs }) => profile !== null && configuredAs === null);
  return [
    `${asked} ${asked === 1 ? 'address' : 'addresses'} asked in ${formatDuration(tookMs)}: ${answered} answered, ${formatCount(devices, 'device')}.`,
    ...(isComplete ? [] : ['The search was ended before it had asked everybody.']),
    ...(devices > 0
      ? []
      : [
          'No device was found. See that the network is right, that this box reaches it, and that the devices answer SNMP with the community that is configured.',
        ]),
    ...(others > 0 && !all
      ? [`${others} that answered ${others === 1 ? 'is' : 'are'} no such device; --all shows them.`]
      : []),
    ...(ready === undefined
      ? []
      : [`\`scanferry sheet ${ready.profile}\` prints what to enter at ${ready.address}.`]),
  ];
}

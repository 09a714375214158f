/** `scanferry support-bundle`: what somebody else needs to help, without secrets, mail or names, in one file. */
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { likelyDataDir, locateConfig } from '../config/locate.ts';
import { createControlClient } from '../control/client.ts';
import type { SupportBundle } from '../control/commands/support.ts';
import { createSystemClock } from '../core/clock.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { GROUPS } from '../doctor/types.ts';
import { writeBundle } from '../support/bundle.ts';
import { type LiveFacts, linesOf, partOf } from '../support/facts.ts';
import { readKeptLog } from '../support/kept-log.ts';
import { type MadeBundle, makeBundle } from '../support/make.ts';
import type { CliContext } from './context.ts';
import { formatBytes, formatTable } from './output.ts';

interface Options {
  out?: string;
  withAddresses?: true;
  /** Seconds. */
  wait: number;
}

export function addSupportBundleCommand(program: Command, context: CliContext): void {
  program
    .command('support-bundle')
    .description(
      'log, config, health and versions in one file for whoever helps; no secret, no mail, no names',
    )
    .option('--out <file>', 'file to write (default: scanferry-support-….tar.gz in this folder)')
    .option('--with-addresses', 'keep addresses, hosts, domains and names as they are')
    .option('--wait <seconds>', 'how long to wait for a running agent', parseSeconds, 60)
    .action(async (options: Options) => {
      const made = await fetchOrMake(context, options);
      const file = path.resolve(options.out ?? `${made.name}.tar.gz`);
      await writeBundle(file, made.bytes);
      report(context, { file, made, withAddresses: options.withAddresses === true });
    });
}

/** By the agent where one answers; else from what lies in the data folder, so that a broken box can be looked at too. */
async function fetchOrMake(context: CliContext, options: Options): Promise<MadeBundle> {
  const withAddresses = options.withAddresses === true;
  const dataDir = likelyDataDir(context.options());
  try {
    const signal = AbortSignal.timeout(options.wait * 1000);
    const made = await createControlClient(dataDir).call('support-bundle', { withAddresses }, signal);
    return take(made);
  } catch (error) {
    if (!(error instanceof OperatorError) || error.explanation.code === 'control.forbidden') throw error;
    const live = await lookAt(context, dataDir, error);
    return makeBundle({ places: placesOf(context, dataDir), live, withAddresses, now: Date.now() });
  }
}

/** The agent has written it for itself; here it gets its place. */
function take({ file, files, missing }: SupportBundle): MadeBundle {
  const bytes = readFileSync(file);
  rmSync(file, { force: true });
  return { name: path.basename(file, '.tar.gz'), bytes, files, missing };
}

function placesOf(context: CliContext, dataDir: string) {
  const { version, profileIds, schemaVersion, env } = context;
  return { file: locateConfig(context.options()), dataDir, env, profileIds, version, schemaVersion };
}

async function lookAt(context: CliContext, dataDir: string, why: OperatorError): Promise<LiveFacts> {
  const clock = createSystemClock(0);
  const isStopped = why.explanation.code === 'control.not-running';
  const missing = { missing: describeError(why) };
  // An agent that hangs holds its spool.
  const only = isStopped ? undefined : GROUPS.filter((group) => group !== 'spool');
  const spool = await partOf(clock, () => {
    const found = context.inspectRestingSpool(dataDir);
    if (found === null) throw new Error('there is no spool in the data folder');
    return found;
  });
  return {
    agent: isStopped ? 'stopped' : 'not answering',
    ...{ status: missing, health: missing },
    doctor: await linesOf(clock, (signal) => context.diagnoseAlone(context.options(), { only }, signal)),
    spool: 'value' in spool ? { value: spool.value.found } : spool,
    events: 'value' in spool ? { value: spool.value.events } : spool,
    log: readKeptLog(dataDir),
  };
}

interface Written {
  file: string;
  made: MadeBundle;
  withAddresses: boolean;
}

function report(context: CliContext, { file, made, withAddresses }: Written): void {
  const { bytes, files, missing } = made;
  if (context.asJson()) {
    context.output.json({ file, bytes: bytes.length, files, missing });
    return;
  }
  const rows = files.map((each) => [each.name, formatBytes(each.bytes), each.about]);
  context.output.line(
    [
      `wrote ${file}, ${formatBytes(bytes.length)}`,
      '',
      formatTable(['FILE', 'SIZE', 'WHAT IT HOLDS'], rows, [], context.output.width ?? null),
      '',
      ...missing.map(({ name, why }) => `${name} is not in it: ${why}`),
      withAddresses
        ? 'Addresses, hosts and names stand in it as they are: hand it to nobody who may not know them.'
        : 'Addresses, hosts and names are replaced, the same ones by the same; read it before you send it all the same.',
    ].join('\n'),
  );
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 600) return seconds;
  throw new InvalidArgumentError('expected a number of seconds from 1 to 600');
}

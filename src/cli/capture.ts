/** `scanferry capture`: records how a device sends, scrubbed, and drafts its profile for contribution. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import type { CommandOutput } from '../control/commands.ts';
import { wrapText } from '../core/break-lines.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { rawProfiles } from '../profiles/catalogue.generated.ts';
import { checkProfiles } from '../profiles/check.ts';
import type { CliContext } from './context.ts';
import { usage } from './filter.ts';
import { formatCount } from './output.ts';
import { PROBLEMS } from './problems.ts';

interface Options {
  device: string;
  seconds: string;
  out: string;
}

const SECONDS_MAX = 3600;

export function addCaptureCommand(program: Command, context: CliContext): void {
  program
    .command('capture')
    .description('record how a device sends, without names and content, and draft its profile')
    .requiredOption('--device <device>', 'address or id of the device')
    .option('--seconds <count>', 'how long to wait for it', '300')
    .option('--out <folder>', 'where to write it', 'captured-profile')
    .action((options: Options) => capture(context, options));
}

async function capture(context: CliContext, { device, seconds: text, out }: Options): Promise<void> {
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > SECONDS_MAX) {
    throw usage('capture', `--seconds takes a number from 1 to ${SECONDS_MAX}, not ${text}.`);
  }
  const { output } = context;
  const client = context.client();
  // Without an agent there is nothing to wait for.
  await client.call('devices.list', {});
  output.error(`Send a scan from ${device} now; this waits for it up to ${seconds} s.`);
  const captured = await client.call('devices.capture', { device, seconds });
  context.exitCode = captured.delivered > 0 ? 0 : 1;
  const files = captured.session === null ? [] : filesOf(captured, captured.session);
  for (const file of files) write(path.join(out, file.path), file.text);
  if (context.asJson()) {
    output.json({ ...captured, files: files.map(({ path: name }) => path.join(out, name)) });
  } else if (files.length === 0) {
    output.line(`Nothing came from ${device}. See that it sends to this box, and from that address.`);
  } else {
    output.line(report(captured, out, files));
  }
}

type Captured = CommandOutput<'devices.capture'>;
interface ProfileFile {
  path: string;
  text: string;
}

function filesOf({ profile: { id, json } }: Captured, session: string): ProfileFile[] {
  return [
    { path: `${id}/profile.json`, text: `${JSON.stringify(json, null, 2)}\n` },
    { path: `${id}/session-captured.txt`, text: session },
  ];
}

function report(captured: Captured, out: string, files: readonly ProfileFile[]): string {
  const { sessions, delivered, profile } = captured;
  const faults = checkProfiles(files, rawProfiles).map(({ path: name, message }) => `${name} ${message}`);
  const item = (text: string) => `  - ${wrapText(text, 4).trimStart()}`;
  const whole = delivered === 0 ? ', so it holds no whole scan' : '';
  return [
    `${formatCount(sessions, 'connection')}, ${formatCount(delivered, 'message')} accepted${whole}.`,
    ...files.map(({ path: name }) => `wrote ${path.join(out, name)}`),
    '',
    'What is left to do by hand:',
    ...profile.todo.map(item),
    ...(faults.length === 0
      ? []
      : ['', '`scanferry profiles check` says of it as it is:', ...faults.map(item)]),
    '',
    `Then: scanferry profiles check ${out}`,
  ].join('\n');
}

function write(file: string, text: string): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  } catch (cause) {
    throw new OperatorError(PROBLEMS.captureNotWritten(file, describeError(cause)), { cause });
  }
}

/** `scanferry sheet`: what to type at a copier, on one page. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { givenDataDir, locateConfig } from '../config/locate.ts';
import type { Config } from '../config/schema.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { sheetBox, sheetDevice } from '../sheet/from-config.ts';
import { renderSheetPage } from '../sheet/page.ts';
import { PROBLEMS } from '../sheet/problems.ts';
import { createSheet } from '../sheet/sheet.ts';
import { renderText } from '../sheet/text.ts';
import type { Sheet } from '../sheet/types.ts';
import type { CliContext } from './context.ts';
import { usage } from './filter.ts';

interface Options {
  all?: true;
  html?: true;
  out?: string;
  firmware?: string;
  withPassword?: true;
}

export function addSheetCommand(program: Command, context: CliContext): void {
  program
    .command('sheet')
    .description('the setup sheet of a device: what to type where, as text or as a page that prints')
    .argument('[device]', 'id of a device of the config, or of a profile')
    .option('--all', 'one page for each device of the config, into the folder --out')
    .option('--html', 'a page of HTML; print it, or save it as PDF, from a browser')
    .option('--out <path>', 'write to this file, or with --all into this folder')
    .option('--firmware <version>', 'firmware of the device, as `scanferry discover` shows it')
    .option('--with-password', 'print the password of the login as well')
    .action((name: string | undefined, options: Options) => {
      const config = readConfig(context);
      if (options.all && options.firmware !== undefined) {
        throw usage('sheet', '--firmware is of one device, so it takes no --all.');
      }
      if (options.all) return writeAll(context, config, options);
      if (name === undefined) throw usage('sheet', 'Name a device or a profile, or give --all.');
      const sheet = sheetOf(context, config, name, options);
      if (context.asJson()) return context.output.json(sheet);
      const text = options.html ? renderSheetPage(sheet) : `${renderText(sheet)}\n`;
      if (options.out === undefined) return context.output.line(text.trimEnd());
      write(options.out, text);
      context.output.line(`wrote ${options.out}`);
    });
}

function readConfig(context: CliContext): Config {
  const options = context.options();
  return loadConfig({
    ...{ file: locateConfig(options), dataDir: givenDataDir(options) },
    ...{ env: context.env, profileIds: context.profileIds },
  }).config;
}

function sheetOf(
  context: CliContext,
  config: Config,
  name: string,
  { withPassword, firmware = null }: Pick<Options, 'withPassword'> & { firmware?: string | null },
): Sheet {
  const device = sheetDevice(config, name, {
    profiles: context.profiles(),
    withPassword: withPassword === true,
  });
  if (device === null) {
    const known = config.devices.map(({ id }) => id).join(', ');
    throw new OperatorError(PROBLEMS.unknownDevice(name, known), { exitCode: 2 });
  }
  return createSheet({ ...device, firmware }, sheetBox(config, context.boxAddresses()));
}

function writeAll(context: CliContext, config: Config, options: Options): void {
  const { out } = options;
  if (out === undefined) throw usage('sheet', '--all needs a folder to write to: --out DIR.');
  const files = config.devices.map(({ id }) => ({
    file: path.join(out, `${id}.html`),
    page: renderSheetPage(sheetOf(context, config, id, options)),
  }));
  for (const { file, page } of files) write(file, page);
  if (context.asJson()) context.output.json(files.map(({ file }) => file));
  else
    context.output.line(files.map(({ file }) => `wrote ${file}`).join('\n') || 'The config names no device.');
}

/** For the owner alone: a sheet may hold a password. */
function write(file: string, text: string): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o600 });
  } catch (cause) {
    throw new OperatorError(PROBLEMS.notWritten(file, describeError(cause)), { cause });
  }
}

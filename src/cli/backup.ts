/** `scanferry backup`: everything that makes this box this box, in one encrypted file. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { configEntries, dataEntries } from '../backup/contents.ts';
import { checkConfig } from '../config/load.ts';
import { givenDataDir, locateConfig } from '../config/locate.ts';
import { OperatorError } from '../core/errors.ts';
import type { CliContext } from './context.ts';
import { formatBytes } from './output.ts';
import { askPassphrase, passphraseFrom } from './passphrase.ts';

interface Options {
  withSpool?: true;
  passphraseFile?: string;
  force?: true;
}

export function addBackupCommand(program: Command, context: CliContext): void {
  program
    .command('backup')
    .description('write config, secrets, keys, certificates and learned devices into one encrypted file')
    .argument('<file>', 'file to write')
    .option('--with-spool', 'also the mail that waits and the history; may be large')
    .option('--passphrase-file <file>', 'read the passphrase from the first line of this file')
    .option('--force', 'replace the file if it is there')
    .action(async (file: string, options: Options) => {
      const passphrase = await readPassphrase(options);
      const dataDir = context.dataDir();
      const messages = options.withSpool === true;
      const copy = await copySpool(context, dataDir, messages);
      try {
        const { writeBackup } = await import('../backup/create.ts');
        const contents = contentsOf(context, dataDir, { copy, messages });
        const bytes = await writeBackup({
          ...{ out: path.resolve(file), force: options.force === true, passphrase },
          ...contents,
        });
        report(context, { file, bytes, messages, hasConfig: contents.manifest.config !== null });
      } finally {
        if (copy !== null) rmSync(path.dirname(copy), { recursive: true, force: true });
      }
    });
}

async function readPassphrase({ passphraseFile }: Options): Promise<string> {
  return passphraseFile === undefined ? askPassphrase({ twice: true }) : passphraseFrom(passphraseFile);
}

/** By the agent where one runs, as nobody else can read its spool then. */
async function copySpool(context: CliContext, dataDir: string, messages: boolean): Promise<string | null> {
  try {
    return (await context.client().call('backup.copy-spool', { messages })).file;
  } catch (error) {
    if (!(error instanceof OperatorError) || error.explanation.code !== 'control.not-running') throw error;
    return context.copyRestingSpool(dataDir, { messages });
  }
}

function contentsOf(context: CliContext, dataDir: string, spool: { copy: string | null; messages: boolean }) {
  const options = context.options();
  const file = locateConfig(options);
  const { config, files } = checkConfig({
    ...{ file, dataDir: givenDataDir(options), env: context.env, profileIds: context.profileIds },
  });
  const named = configEntries(file, files);
  return {
    entries: [...named, ...dataEntries(dataDir, spool.copy)],
    manifest: {
      version: context.version.version,
      site: config?.site.id ?? null,
      created: Date.now(),
      config: named.length === 0 ? null : { name: path.basename(file), dataDir },
      messages: spool.messages,
    },
  };
}

interface Written {
  file: string;
  bytes: number;
  messages: boolean;
  hasConfig: boolean;
}

/** A backup of half the box is a problem that a timer must notice, though what there was is in it. */
function report(context: CliContext, { file, bytes, messages, hasConfig }: Written): void {
  if (!hasConfig) context.exitCode = 1;
  if (context.asJson()) {
    context.output.json({ file, bytes, messages, config: hasConfig });
    return;
  }
  context.output.line(
    `wrote ${file}, ${formatBytes(bytes)}, ${messages ? 'with' : 'without'} the mail that waits\n` +
      'Keep it away from this box, and the passphrase away from the file: without it nobody can open it.',
  );
  if (!hasConfig)
    context.output.error(
      `scanferry: The config is not in it: there is none at ${locateConfig(context.options())}.\n` +
        'Name it with --config or SCANFERRY_CONFIG, and write the backup again with --force.',
    );
}

/** `scanferry restore`: makes this box the one that a backup was taken of. */
import path from 'node:path';
import type { Command } from 'commander';
import { PROBLEMS } from '../backup/problems.ts';
import type { RestoreReport } from '../backup/restore.ts';
import { givenDataDir, locateConfig } from '../config/locate.ts';
import { createControlClient } from '../control/client.ts';
import { OperatorError } from '../core/errors.ts';
import type { CliContext } from './context.ts';
import { formatTime } from './output.ts';
import { askPassphrase, passphraseFrom } from './passphrase.ts';

interface Options {
  passphraseFile?: string;
  force?: true;
}

export function addRestoreCommand(program: Command, context: CliContext): void {
  program
    .command('restore')
    .description('put a backup back; nothing is changed before all of it has been opened and checked')
    .argument('<file>', 'file that `scanferry backup` wrote')
    .option('--passphrase-file <file>', 'read the passphrase from the first line of this file')
    .option('--force', 'move aside what is in the way')
    .action(async (file: string, options: Options) => {
      const located = context.options();
      const given = givenDataDir(located);
      const passphrase =
        options.passphraseFile === undefined
          ? await askPassphrase({ twice: false })
          : passphraseFrom(options.passphraseFile);
      const { restoreBackup } = await import('../backup/restore.ts');
      const restored = await restoreBackup({
        ...{ file: path.resolve(file), passphrase, force: options.force === true, now: Date.now() },
        dataDir: given === undefined ? null : path.resolve(given),
        configFile: locateConfig(located),
        assertNoAgent,
      });
      if (context.asJson()) context.output.json(restored);
      else context.output.line(formatRestored(restored));
    });
}

async function assertNoAgent(dataDir: string): Promise<void> {
  try {
    await createControlClient(dataDir).call('status', {});
  } catch (error) {
    if (error instanceof OperatorError && error.explanation.code === 'control.not-running') return;
    throw error;
  }
  throw new OperatorError(PROBLEMS.agentRunning(dataDir));
}

function formatRestored({ manifest, dataDir, config, leftAlone, movedAside }: RestoreReport): string {
  const was = manifest.config?.dataDir;
  return [
    `restored the site ${manifest.site ?? '(unknown)'} as it was on ${formatTime(manifest.created)}, ${manifest.messages ? 'with' : 'without'} the mail that waited`,
    `data folder: ${dataDir}`,
    ...config.map((file) => `config: ${file}`),
    ...leftAlone.map((file) => `${file} was there already and stays as it is`),
    ...movedAside.map((place) => `what was in the way is now in ${place}`),
    ...(was === undefined || was === dataDir
      ? []
      : [
          `The backup had its data folder at ${was}: set dataDir in the config, or start with --data ${dataDir}.`,
        ]),
    ...(manifest.messages
      ? ['What the old box sent after the backup is sent once more; keep the old box off the network.']
      : []),
    'Check it with `scanferry check`, then start it with `scanferry run`.',
  ].join('\n');
}

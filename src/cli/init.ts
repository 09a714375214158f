/** `scanferry init`: asks what the box has to know, tries each answer, and writes a working config. */
import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import type { InitOptions } from './init-run.ts';

export function addInitCommand(program: Command, context: CliContext): void {
  program
    .command('init')
    .description('ask what the box has to know, try each answer, and write a working config')
    .option('--answers <file>', 'take the answers from this YAML file and ask nothing')
    .option('--ask', 'with --answers: ask all the same, with those answers as defaults')
    .option('--force', 'with --answers: replace a config that is there; the old one is kept beside it')
    .action(async (options: InitOptions) => {
      const { runInit } = await import('./init-run.ts');
      await runInit(context, options);
    });
}

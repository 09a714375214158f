/** `scanferry version`. */
import type { Command } from 'commander';
import type { CliContext } from './context.ts';

export function addVersionCommand(program: Command, context: CliContext): void {
  program
    .command('version')
    .description('print the version')
    .action(() => {
      if (context.asJson()) context.output.json(context.version);
      else context.output.line(versionText(context.version));
    });
}

export function versionText({ version, built, node }: CliContext['version']): string {
  return `scanferry ${version}${built === null ? '' : `, built ${built}`}, Node.js ${node}`;
}

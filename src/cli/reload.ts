/** `scanferry reload`: the running agent reads its config again. */
import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { operator } from './routes.ts';

export function addReloadCommand(program: Command, context: CliContext): void {
  program
    .command('reload')
    .description('apply the config again without dropping a connection; a bad one changes nothing')
    .action(async () => {
      const report = await context.client().call('reload', { by: operator(context.env) });
      if (context.asJson()) return context.output.json(report);
      for (const warning of report.warnings) context.output.error(warning);
      context.output.line(
        report.changed.length === 0
          ? 'Nothing in the config has changed.'
          : `The new config is in force; changed: ${report.changed.join(', ')}.`,
      );
    });
}

/** `scanferry check`: reads the config and tells every problem at once. */
import type { Command } from 'commander';
import { checkConfig } from '../config/load.ts';
import { givenDataDir, locateConfig } from '../config/locate.ts';
import { formatProblem } from '../config/problems.ts';
import type { CliContext } from './context.ts';
import { formatCount } from './output.ts';

export function addCheckCommand(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('check the config: every problem with its line, key and what was expected')
    .action(() => {
      const file = locateConfig(context.options());
      const { config, problems } = checkConfig({
        file,
        dataDir: givenDataDir(context.options()),
        env: context.env,
        profileIds: context.profileIds,
        now: Date.now(),
      });
      context.exitCode = config === null ? 2 : 0;
      if (context.asJson()) {
        context.output.json({ file, valid: config !== null, problems });
        return;
      }
      for (const problem of problems) context.output.line(formatProblem(problem));
      if (config !== null) {
        const { site, intake, devices, routes } = config;
        context.output.line(
          `${file} is good: site ${site.id}, ${formatCount(intake.listeners.length, 'listener')}, ${formatCount(devices.length, 'device')}, ${formatCount(routes.length, 'route')} (${routes.map(({ id }) => id).join(', ')})`,
        );
      }
    });
}

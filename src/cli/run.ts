/** `scanferry run`: the agent, or the demo. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext, RunRequest } from './context.ts';

export function addRunCommand(program: Command, context: CliContext): void {
  program
    .command('run')
    .description('run the agent until it is stopped')
    .option(
      '--demo',
      'a temporary site with a simulated Microsoft 365 tenant and simulated devices; needs no config',
    )
    .option('--once', 'with --demo: stop when the simulated devices have sent')
    .option('--port <port>', 'with --demo: port to listen on (default: a free one)', parsePort)
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(
      async (options: { demo?: true; once?: true; port?: number; logLevel: RunRequest['logLevel'] }) => {
        context.exitCode = options.demo
          ? await context.runDemo({ once: options.once === true, port: options.port ?? null })
          : await context.runAgent({ ...context.options(), logLevel: options.logLevel });
      },
    );
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new InvalidArgumentError('expected a port from 0 to 65535');
}

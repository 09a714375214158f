/** The command line: what commands there are. Each file beside this one adds its own. */
import { Command, CommanderError } from 'commander';
import type { ExitCode } from '../core/errors.ts';
import { addCertificateCommand } from './certificate.ts';
import { addCheckCommand } from './check.ts';
import { type CliContext, type CliDeps, createContext } from './context.ts';
import { reportError } from './output.ts';
import { addQueueCommand } from './queue.ts';
import { addRoutesCommand } from './routes.ts';
import { addRunCommand } from './run.ts';
import { addSecretCommand } from './secret.ts';
import { addSendTestCommand } from './send-test.ts';
import { addStatusCommand } from './status.ts';
import { addVersionCommand } from './version.ts';

const COMMANDS: ((program: Command, context: CliContext) => void)[] = [
  addRunCommand,
  addCheckCommand,
  addStatusCommand,
  addQueueCommand,
  addRoutesCommand,
  addSendTestCommand,
  addSecretCommand,
  addCertificateCommand,
  addVersionCommand,
];

/** Parses `argv` (without node and script), runs the command, returns the exit code. Never throws. */
export async function runCli(argv: string[], deps: CliDeps): Promise<ExitCode> {
  const program = new Command('scanferry')
    .description(
      'Takes mail from scanners and copiers as they are, keeps it safe, and hands it to Microsoft 365.',
    )
    .option('--config <file>', 'config file (default /etc/scanferry/scanferry.yaml)')
    .option('--data <dir>', 'data folder (default: dataDir of the config)')
    .option('--json', 'print JSON')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => deps.output.line(text.trimEnd()),
      writeErr: (text) => deps.output.error(text.trimEnd()),
    });
  const context = createContext(deps, () => program.opts());
  for (const add of COMMANDS) add(program, context);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(deps.output, error, program.opts()['json'] === true);
  }
}

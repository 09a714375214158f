/** The command line: what commands there are. Each file beside this one adds its own. */
import { Command, CommanderError } from 'commander';
import { type ExitCode, OperatorError } from '../core/errors.ts';
import { addBackupCommand } from './backup.ts';
import { addCaptureCommand } from './capture.ts';
import { addCertificateCommand } from './certificate.ts';
import { addCheckCommand } from './check.ts';
import { type CliContext, type CliDeps, createContext } from './context.ts';
import { addDevicesCommand } from './devices.ts';
import { addDiscoverCommand } from './discover.ts';
import { addDoctorCommand } from './doctor.ts';
import { usage } from './filter.ts';
import { addFleetCommand } from './fleet.ts';
import { addHealthCommand } from './health.ts';
import { addHistoryCommand } from './history.ts';
import { addInitCommand } from './init.ts';
import { type Output, reportError } from './output.ts';
import { PROBLEMS } from './problems.ts';
import { addProfilesCommand } from './profiles.ts';
import { addQueueCommand } from './queue.ts';
import { addReloadCommand } from './reload.ts';
import { addRestoreCommand } from './restore.ts';
import { addRoutesCommand } from './routes.ts';
import { addRunCommand } from './run.ts';
import { addSecretCommand } from './secret.ts';
import { addSendTestCommand } from './send-test.ts';
import { addSheetCommand } from './sheet.ts';
import { addStatusCommand } from './status.ts';
import { addSupportBundleCommand } from './support-bundle.ts';
import { addVersionCommand, versionText } from './version.ts';

const COMMANDS: ((program: Command, context: CliContext) => void)[] = [
  addRunCommand,
  addInitCommand,
  addCheckCommand,
  addStatusCommand,
  addHealthCommand,
  addDoctorCommand,
  addQueueCommand,
  addHistoryCommand,
  addRoutesCommand,
  addReloadCommand,
  addSendTestCommand,
  addFleetCommand,
  addProfilesCommand,
  addDevicesCommand,
  addCaptureCommand,
  addDiscoverCommand,
  addSheetCommand,
  addSecretCommand,
  addCertificateCommand,
  addBackupCommand,
  addRestoreCommand,
  addSupportBundleCommand,
  addVersionCommand,
];

/** Every command there is; nothing is run. With `asJson` whoever runs it tells of what is not understood. */
export function createProgram(deps: CliDeps, asJson = false): { program: Command; context: CliContext } {
  const program = new Command('scanferry')
    .description(
      'Takes mail from scanners and copiers as they are, keeps it safe, and hands it to Microsoft 365.',
    )
    .option('--config <file>', 'config file (default /etc/scanferry/scanferry.yaml)')
    .option('--data <dir>', 'data folder (default: dataDir of the config)')
    .option('--json', 'print JSON')
    .version(versionText(deps.version), '-V, --version', 'print the version')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => deps.output.line(text.trimEnd()),
      writeErr: (text) => deps.output.error(text.trimEnd()),
      outputError: (text, write) => {
        if (!asJson) write(text.replace(ERROR, 'scanferry: '));
      },
    })
    .showHelpAfterError(asJson ? false : PROBLEMS.notUnderstood('').advice);
  const context = createContext(deps, () => program.opts());
  for (const add of COMMANDS) add(program, context);
  for (const group of program.commands) group.hook('preSubcommand', refuseUnknown);
  return { program, context };
}

const ERROR = /^error: /;

/** A word that is no command of the group would else be told as an argument too many of its default one. */
function refuseUnknown(group: Command, chosen: Command): void {
  const [word] = group.args;
  if (word === undefined || word.startsWith('-') || word === chosen.name()) return;
  if (chosen.registeredArguments.length > 0) return;
  const names = group.commands.map((command) => command.name());
  throw usage(group.name(), `${group.name()} has no command ${word}, but ${names.join(', ')}.`);
}

/** Parses `argv` (without node and script), runs the command, returns the exit code. Never throws. */
export async function runCli(argv: string[], deps: CliDeps): Promise<ExitCode> {
  // Asked for before anything is understood.
  const asJson = argv.includes('--json');
  if (!isNodeNewEnough(deps.version.node)) {
    return reportError(deps.output, nodeTooOld(deps.version.node), asJson);
  }
  const { program, context } = createProgram(deps, asJson);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return endOf(error, deps.output, asJson);
    return reportError(deps.output, error, program.opts()['json'] === true);
  }
}

/** Help, and what was not understood, have been printed; as JSON only the former. */
function endOf({ code, exitCode, message }: CommanderError, output: Output, asJson: boolean): ExitCode {
  if (exitCode === 0) return 0;
  if (asJson && code !== 'commander.help')
    output.json({ error: PROBLEMS.notUnderstood(message.replace(ERROR, '')) });
  return 2;
}

/** Oldest Node.js that better-sqlite3 13 runs on; the same as `engines` in package.json. */
const NODE_MIN = { major: 22, minor: 14 };

function isNodeNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > NODE_MIN.major || (major === NODE_MIN.major && minor >= NODE_MIN.minor);
}

function nodeTooOld(version: string): OperatorError {
  return new OperatorError(PROBLEMS.nodeTooOld(version, `${NODE_MIN.major}.${NODE_MIN.minor}`), {
    exitCode: 2,
  });
}

/** `scanferry fleet`: every site of a broker, in a terminal, on a page, for Prometheus; and commands to them. */
import os from 'node:os';
import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { OperatorError } from '../core/errors.ts';
import { readArguments } from '../fleet/arguments.ts';
import { makeKey, readText } from '../fleet/keys.ts';
import { isSiteId } from '../fleet/parse.ts';
import { PROBLEMS } from '../fleet/problems.ts';
import type { BrokerRequest, SendRequest, WebRequest } from '../fleet/request.ts';
import { COMMAND_VERBS } from '../report/settings.ts';
import type { CliContext } from './context.ts';
import { makePack, type PackOptions } from './fleet-pack.ts';
import { formatCount } from './output.ts';
import { PROBLEMS as CLI_PROBLEMS } from './problems.ts';

interface BrokerOptions {
  broker?: string;
  username?: string;
  passwordFile?: string;
  ca?: string;
  clientCert?: string;
  clientKey?: string;
}

interface WatchOptions extends BrokerOptions {
  once?: true;
  group?: string;
  onAlert?: string;
  metrics?: string;
  web?: string;
  webCert?: string;
  webKey?: string;
  key?: string;
  keyId?: string;
  historyMax: number;
}

interface SendOptions extends BrokerOptions {
  key: string;
  keyId?: string;
  all?: true;
  wait: number;
}

const MIB = 1024 * 1024;

export function addFleetCommand(program: Command, context: CliContext): void {
  const fleet = program.command('fleet').description('watch every site on a broker, and command them');
  const watch = addWatch(fleet, context);
  // Watching is what `fleet` alone does: its options belong into the first help.
  fleet.addHelpText('after', () => `\n${watch.helpInformation()}`);
  addKeygen(fleet, context);
  addPack(fleet, context);
  addSend(fleet, context);
}

function withBroker(command: Command): Command {
  return command
    .option('--broker <url>', 'broker, such as mqtts://broker.example:8883 (or SCANFERRY_FLEET_BROKER)')
    .option('--username <name>', 'user at the broker')
    .option('--password-file <file>', 'file with its password (or SCANFERRY_FLEET_PASSWORD)')
    .option('--ca <file>', "authority of the broker's certificate (PEM)")
    .option('--client-cert <file>', 'client certificate for the broker (PEM)')
    .option('--client-key <file>', 'its private key (PEM)');
}

function addWatch(fleet: Command, context: CliContext): Command {
  const watch = fleet.command('watch', { isDefault: true });
  return withBroker(watch.description('watch every site (what fleet does when nothing else is said)'))
    .option('--once', 'print the state of every site and end; exit code 1 where one fails')
    .option('--metrics <[address:]port>', 'numbers of all sites for Prometheus, such as :9108')
    .option(
      '--web <[address:]port>',
      'dashboard, such as :8080; on an address of the network it asks for a password',
    )
    .option('--web-cert <file>', 'certificate of the dashboard (PEM)')
    .option('--web-key <file>', 'its private key (PEM)')
    .option(
      '--key <file>',
      'with --web: private key to sign commands with; the dashboard then asks for a password',
    )
    .option('--key-id <id>', 'name of the key at the sites (default: the name of its file)')
    .option('--history-max <megabytes>', 'with --web: size of its history', parseCount, 1024)
    .option('--group <name>', 'share events and telemetry with the other watchers of this group')
    .option(
      '--on-alert <command>',
      'command to run for each alert, which it gets as JSON on its standard input',
    )
    .action(async (options: WatchOptions) => {
      context.exitCode = await context.runFleet({
        broker: brokerOf(options, context),
        ...{ once: options.once === true, json: context.asJson() },
        ...{ group: groupOf(options), onAlert: options.onAlert, metrics: options.metrics },
        web: webOf(options, context),
      });
    });
}

function addKeygen(fleet: Command, context: CliContext): void {
  fleet
    .command('keygen')
    .description('make a key to sign commands with')
    .requiredOption('--out <name>', 'name of the key, and of its files: <name>.key.pem and <name>.pub.pem')
    .action(({ out }: { out: string }) => {
      const key = makeKey(out);
      if (context.asJson()) {
        context.output.json(key);
        return;
      }
      context.output.line(`Private key, for you alone: ${key.privateFile}`);
      context.output.line(`Public key, for the sites:  ${key.publicFile}`);
      context.output.line();
      context.output.line('In the config of a site that may be commanded with it, beside the public key:');
      context.output.line();
      context.output.line(key.config);
    });
}

function addPack(fleet: Command, context: CliContext): void {
  fleet
    .command('pack')
    .description('sign a pack of profiles, for `send ... update-profiles pack=@FILE`')
    .argument('<folder>', 'catalogue, vendor or profile, such as firmware-profiles')
    .requiredOption('--key <file>', 'private key, as `scanferry fleet keygen` makes it')
    .option('--key-id <id>', 'name of the key at the sites (default: the name of its file)')
    .requiredOption('--out <file>', 'file to write')
    .action(async (folder: string, options: PackOptions) => {
      const pack = await makePack(folder, options);
      if (context.asJson()) context.output.json(pack);
      else
        context.output.line(`${options.out}: ${formatCount(pack.profiles, 'profile')}, ${pack.bytes} bytes`);
    });
}

function addSend(fleet: Command, context: CliContext): void {
  withBroker(
    fleet
      .command('send')
      .description('send a signed command to sites; exit code 1 unless all of them succeed')
      .argument(
        '<words...>',
        `sites, then one of ${COMMAND_VERBS.join(', ')}, then name=value or name=@file`,
      ),
  )
    .requiredOption('--key <file>', 'private key, as `scanferry fleet keygen` makes it')
    .option('--key-id <id>', 'name of the key at the sites (default: the name of its file)')
    .option('--all', 'every site of the broker')
    .option('--wait <seconds>', 'how long to wait for an answer', parseCount, 60)
    .action(async (words: string[], options: SendOptions) => {
      context.exitCode = await context.sendFleet({
        ...readWords(words, options.all === true),
        broker: brokerOf(options, context),
        key: { file: options.key, id: options.keyId },
        json: context.asJson(),
        waitMs: options.wait * 1000,
      });
    });
}

function readWords(words: readonly string[], isAll: boolean): Pick<SendRequest, 'sites' | 'verb' | 'args'> {
  const verb = words.find((word) => COMMAND_VERBS.some((one) => one === word));
  if (verb === undefined) throw new OperatorError(PROBLEMS.noVerb(COMMAND_VERBS.join(', ')), { exitCode: 2 });
  const sites = [...new Set(words.slice(0, words.indexOf(verb)))];
  const stranger = sites.find((site) => !isSiteId(site));
  if (stranger !== undefined) throw new OperatorError(PROBLEMS.siteIdInvalid(stranger), { exitCode: 2 });
  if ((sites.length === 0) !== isAll) throw new OperatorError(PROBLEMS.noSites(), { exitCode: 2 });
  return { sites, verb, args: readArguments(words.slice(words.indexOf(verb) + 1), readText) };
}

function brokerOf(options: BrokerOptions, { env }: CliContext): BrokerRequest {
  const url = options.broker ?? env['SCANFERRY_FLEET_BROKER'];
  if (url === undefined) throw new OperatorError(PROBLEMS.noBroker(), { exitCode: 2 });
  return {
    ...{ url, username: options.username, passwordFile: options.passwordFile, ca: options.ca },
    certificate: pairOf(options.clientCert, options.clientKey, '--client-cert and --client-key'),
  };
}

function pairOf(cert: string | undefined, key: string | undefined, names: string) {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  throw usage(`${names} belong together.`);
}

function webOf(options: WatchOptions, context: CliContext): WebRequest | undefined {
  if (options.web === undefined) {
    if (options.key !== undefined)
      throw usage('--key signs commands of the dashboard, and --web is missing.');
    return undefined;
  }
  return {
    listen: options.web,
    certificate: pairOf(options.webCert, options.webKey, '--web-cert and --web-key'),
    key: options.key === undefined ? undefined : { file: options.key, id: options.keyId },
    dataDir: dataDirOf(context),
    historyBytes: options.historyMax * MIB,
  };
}

/** The fleet runs on an administrator's machine, where there is no agent and no config. */
function dataDirOf(context: CliContext): string {
  const given = context.options().data ?? context.env['SCANFERRY_DATA'];
  if (given !== undefined) return given;
  const state = context.env['XDG_STATE_HOME'] ?? path.join(os.homedir(), '.local/state');
  return path.join(state, 'scanferry-fleet');
}

/** A level of a topic (MQTT 5 section 4.8.2). */
function groupOf({ group }: WatchOptions): string | undefined {
  if (group === undefined || /^[\w-]{1,64}$/.test(group)) return group;
  throw usage('The name of a group has letters, digits, hyphens and underscores.');
}

function usage(cause: string): OperatorError {
  return new OperatorError(CLI_PROBLEMS.usage('fleet', cause), { exitCode: 2 });
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0 && count <= 1_000_000) return count;
  throw new InvalidArgumentError('expected a whole number above zero');
}

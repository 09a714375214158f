/**
 * The verbs of signed commands over MQTT: which command of the table each is, what arguments it takes, and what of the
 * outcome goes back. Nothing is done here that the command table does not do.
 */
import * as z from 'zod';
import type { DiscoveryResult } from '../control/commands/discovery.ts';
import type { DoctorResult } from '../control/commands/doctor.ts';
import type { SendTestResult } from '../control/commands/send-test.ts';
import { COMMANDS, isCommandName } from '../control/commands.ts';
import type { ControlDeps } from '../control/deps.ts';
import { inputFaults } from '../control/parse-input.ts';
import { discoverRequest, sendTestRequest } from '../control/protocol.ts';
import { runCommand } from '../control/run-command.ts';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { PROBLEMS } from '../report/command-problems.ts';
import type { ExecuteCommand } from '../report/commands.ts';
import type { CommandVerb } from '../report/settings.ts';

interface Verb {
  /** What it does, for docs/reference/topics.md. */
  help: string;
  /** Row of the command table (src/control/commands.ts), where it depends on them by the arguments. */
  command: string | ((args: Record<string, unknown>) => string);
  /** What the sender may say; most of it is the schema of the command itself. */
  args: z.ZodType;
  /** The input of the command. Left out, the arguments as they are. */
  input?(args: Record<string, unknown>, by: string): unknown;
  /** What of the output goes back, where it may be long. Throws OperatorError where it is a failure. */
  result?(output: never): unknown;
}

const nothing = z.strictObject({});
const { filter } = COMMANDS['queue.act'].input.shape;
const messages = filter
  .extend({ all: z.literal(true).optional().describe('All messages; needed where nothing else is said.') })
  .refine((args) => Object.values(args).some((value) => value !== undefined), {
    error: 'say which messages (ids, states, device, sender, recipient, since, until), or all=true',
  });
const route = COMMANDS['routes.pause'].input.omit({ by: true });

export const VERBS = {
  flush: {
    help: 'Tries everything that waits for its next attempt now.',
    command: 'queue.act',
    args: nothing,
    input: (_, by) => ({ action: 'retry', filter: { states: ['deferred'] }, by }),
  },
  retry: {
    help: 'Sends deferred or failed messages now.',
    command: 'queue.act',
    args: messages,
    input: (args, by) => ({ action: 'retry', filter: filterOf(args), by }),
  },
  hold: {
    help: 'Keeps messages back until they are released.',
    command: 'queue.act',
    args: messages,
    input: (args, by) => ({ action: 'hold', filter: filterOf(args), by }),
  },
  release: {
    help: 'Lets held messages go.',
    command: 'queue.act',
    args: messages,
    input: (args, by) => ({ action: 'release', filter: filterOf(args), by }),
  },
  'pause-route': {
    help: 'Pauses a route until it is resumed.',
    command: 'routes.pause',
    args: route,
    input: (args, by) => ({ ...args, by }),
  },
  'resume-route': {
    help: 'Ends the pause of a route.',
    command: 'routes.resume',
    args: route,
    input: (args, by) => ({ ...args, by }),
  },
  'send-test': {
    help: 'Sends a test scan through the whole way and follows it; fails when it does not arrive.',
    command: 'send-test',
    args: sendTestRequest,
    result: testResult,
  },
  doctor: {
    help: 'Examines the site and says what to do: a line each, those that are not well first.',
    command: 'doctor',
    args: nothing,
    result: diagnosis,
  },
  discover: {
    help: 'Searches the network for devices; takes minutes.',
    command: 'discover',
    args: discoverRequest,
    result: discoveredDevices,
  },
  'set-config': {
    help: 'Checks a new config as a whole, keeps the old one beside it, applies it, and goes back if health gets worse.',
    command: 'config.set',
    args: COMMANDS['config.set'].input.omit({ by: true }),
    input: (args, by) => ({ ...args, by }),
  },
  'support-bundle': {
    help: 'Makes a support bundle on the box; with the name it answers and a part, fetches that part in base64.',
    command: ({ part }) => (part === undefined ? 'support-bundle' : 'support-bundle.part'),
    args: z.union([COMMANDS['support-bundle'].input, COMMANDS['support-bundle.part'].input]),
  },
  restart: {
    help: 'Ends the agent cleanly; the service manager starts it again.',
    command: 'restart',
    args: nothing,
    input: (_, by) => ({ by }),
  },
  'update-profiles': {
    help: 'Takes a signed pack of device profiles, which are in use at once, or goes back to the built-in ones.',
    command: 'profiles.update',
    args: COMMANDS['profiles.update'].input.omit({ by: true }),
    input: (args, by) => ({ ...args, by }),
  },
} as const satisfies Record<CommandVerb, Verb>;

/** Carries out what a signed command, or a button, asks for. */
export function createRemoteVerbs(deps: ControlDeps): ExecuteCommand {
  return async ({ verb, args, by }) => {
    const row: Verb = VERBS[verb];
    const name = typeof row.command === 'string' ? row.command : row.command(args);
    if (!isCommandName(name)) throw new OperatorError(PROBLEMS.notAvailable(verb));
    const parsed = row.args.safeParse(args);
    if (!parsed.success) throw new OperatorError(PROBLEMS.badArguments(verb, inputFaults(parsed.error)));
    const output = await runCommand(deps, name, row.input?.(args, by) ?? args);
    // Each row speaks of the output of its own command.
    return row.result === undefined ? output : row.result(output as never);
  };
}

function filterOf({ all: _, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return rest;
}

/** Steps fit: ten recipients with a few lines each. */
function testResult({ succeeded, steps }: SendTestResult): unknown {
  if (succeeded) return { steps };
  const told = steps.map(({ text, reply }) => (reply === null ? text : `${text}: ${reply}`)).join('; ');
  throw new OperatorError(PROBLEMS.testNotDelivered(told));
}

/** Without the verbatim details, which are for who sits at the box; `leftOff` says how many lines had no room. */
function diagnosis({ grade, lines }: DoctorResult): unknown {
  const rows = lines.map(({ group, name, grade: of, text, why }) => ({ group, name, grade: of, text, why }));
  const sorted = [...rows.filter((row) => row.grade !== 'ok'), ...rows.filter((row) => row.grade === 'ok')];
  const fitting = fitList(sorted, LIMITS.commandResultBytesMax - SUMMARY_BYTES);
  return { grade, lines: fitting, leftOff: rows.length - fitting.length };
}

/** What identifies each device; `leftOff` says how many more there are. */
function discoveredDevices({ devices, summary }: DiscoveryResult): unknown {
  const rows = devices.map(({ address, mac, model, profile, verdict, configuredAs }) => ({
    ...{ address, mac, model, profile, verdict, configuredAs },
  }));
  const fitting = fitList(rows, LIMITS.commandResultBytesMax - SUMMARY_BYTES);
  return { summary, devices: fitting, leftOff: rows.length - fitting.length };
}

const SUMMARY_BYTES = 1024;

/** As many of the first rows as have room in `bytesMax` of JSON. */
function fitList<T>(rows: readonly T[], bytesMax: number): T[] {
  let bytes = 2;
  return rows.filter((row) => {
    bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
    return bytes <= bytesMax;
  });
}

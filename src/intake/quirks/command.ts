/** One command of a device with its quirks smoothed out, as far as they are tolerated from it. */
import type { QuirkId } from '../../profiles/quirks.ts';
import { completeSender, dropRootDot, quoteDots, type ReadAddress } from './address.ts';
import { readGreeting } from './greeting.ts';
import { readPathCommand, writePathCommand } from './path.ts';

export interface CommandFacts {
  /** Address of the device. */
  address: string;
  /** Name of the box. */
  hostname: string;
  tolerates(quirk: QuirkId): boolean;
}

export interface SmoothedCommand {
  /** Without line end. */
  line: string;
  /** What had to be smoothed out. */
  quirks: QuirkId[];
}

/**
 * MAIL or RCPT in its correct form, with an address that has a domain and no dot at an end of its local part: most
 * lines are. To look for quirks in those costs 1.5 KiB of garbage a message.
 */
const SOUND =
  /^(?:MAIL FROM|RCPT TO):<[^\s."\\<>@]+(?:\.[^\s."\\<>@]+)*@(?!-)(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*>(?: .*)?$/i;

/** Any command as it came: its line end goes, with the CRs in front of it where they are tolerated. */
export function smoothLineEnd(line: string, { tolerates }: CommandFacts): SmoothedCommand {
  const text = line.replace(/\r?\n$/, '');
  // Counted by hand: a pattern would look at a long row of CRs again from each of them.
  let end = text.length;
  while (text[end - 1] === '\r') end -= 1;
  if (end === text.length || !tolerates('line-end-doubled')) return { line: text, quirks: [] };
  return { line: text.slice(0, end), quirks: ['line-end-doubled'] };
}

/** HELO or EHLO. */
export function smoothGreeting(verb: string, argument: string, facts: CommandFacts): SmoothedCommand {
  const greeting = readGreeting(argument, facts.address, facts.tolerates);
  return { line: `${verb} ${greeting.argument}`, quirks: greeting.quirk === null ? [] : [greeting.quirk] };
}

/** MAIL or RCPT; a line with a quirk that is not tolerated, or one that nobody knows, stays as it is. */
export function smoothPath(line: string, facts: CommandFacts): SmoothedCommand {
  const untouched: SmoothedCommand = { line, quirks: [] };
  if (SOUND.test(line)) return untouched;
  const command = readPathCommand(line);
  if (command === null || !command.quirks.every(facts.tolerates)) return untouched;
  const { address, quirks } = smoothAddress(command.verb, command.path, facts);
  const all = [...command.quirks, ...quirks];
  return all.length === 0
    ? untouched
    : { line: writePathCommand({ ...command, path: address }), quirks: all };
}

function smoothAddress(
  verb: 'MAIL' | 'RCPT',
  path: string,
  facts: CommandFacts,
): { address: string; quirks: QuirkId[] } {
  if (path === '') return { address: path, quirks: [] };
  const quirks: QuirkId[] = [];
  let address = path;
  const apply = (read: ReadAddress) => {
    if (read.quirk === null || !facts.tolerates(read.quirk)) return;
    address = read.address;
    quirks.push(read.quirk);
  };
  apply(dropRootDot(address));
  // A recipient without a domain is refused instead: nobody can guess whom the person at the panel meant.
  if (verb === 'MAIL') apply(completeSender(address, facts.hostname));
  apply(quoteDots(address));
  return { address, quirks };
}

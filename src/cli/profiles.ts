/** `scanferry profiles`: the catalogue, which of it a device matches and why, and the check of contributions. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { createJudge } from '../discovery/judge.ts';
import { ouiVendorOf } from '../discovery/oui.ts';
import { rawProfiles } from '../profiles/catalogue.generated.ts';
import { type CatalogueFile, checkProfiles } from '../profiles/check.ts';
import { createIdentifier } from '../profiles/identify.ts';
import type { ProfileFault } from '../profiles/load-catalogue.ts';
import { readProfileFolder } from '../profiles/read-folder.ts';
import type { DeviceSignals } from '../profiles/signals.ts';
import { type ProfileSummary, summarize } from '../profiles/summary.ts';
import type { Catalogue, DeviceProfile } from '../profiles/types.ts';
import type { CliContext } from './context.ts';
import { usage } from './filter.ts';
import { formatCount, formatTable } from './output.ts';
import { PROBLEMS } from './problems.ts';
import { formatMatch, formatProfile } from './profile-text.ts';

export function addProfilesCommand(program: Command, context: CliContext): void {
  const profiles = program.command('profiles').description('what the box knows of copiers and other devices');
  addList(profiles, context);
  addShow(profiles, context);
  addMatch(profiles, context);
  addCheck(profiles, context);
}

function addList(profiles: Command, context: CliContext): void {
  profiles
    .command('list', { isDefault: true })
    .description('show every profile, or those that a word fits')
    .argument('[word]', 'part of a name, such as canon or 2335dn')
    .action((word: string | undefined) => {
      const rows = [...context.profiles().values()]
        .filter((profile) => word === undefined || isAbout(profile, word))
        .map(summarize);
      context.exitCode = rows.length === 0 ? 1 : 0;
      if (context.asJson()) context.output.json(rows);
      else context.output.line(formatList(rows, word, context.output.width ?? null));
    });
}

function isAbout({ id, title, aliases = [] }: DeviceProfile, word: string): boolean {
  return [id, title, ...aliases].some((name) => name.toLowerCase().includes(word.toLowerCase()));
}

function formatList(rows: readonly ProfileSummary[], word: string | undefined, width: number | null): string {
  if (rows.length === 0)
    return `No profile has ${word ?? ''} in its name; \`scanferry profiles list\` shows all.`;
  const table = formatTable(
    ['PROFILE', 'DEVICES', 'TLS', 'SETUP', 'BEST EVIDENCE'],
    rows.map(({ id, title, tls, setup, grades, status }) => [
      ...[id, title, tls, setup],
      status === 'stub' ? 'recognised only' : (grades[0] ?? ''),
    ]),
    [],
    width,
  );
  return `${table}\n${formatCount(rows.length, 'profile')}; \`scanferry profiles show ID\` tells all of one, with sources.`;
}

function addShow(profiles: Command, context: CliContext): void {
  profiles
    .command('show')
    .description('show one profile with the source of every claim')
    .argument('<id>', 'such as ricoh/mp')
    .action((id: string) => {
      const catalogue = context.profiles();
      const profile = catalogue.get(id);
      if (profile === undefined) {
        throw new OperatorError(PROBLEMS.noSuchProfile(id, similarTo(id, catalogue)), { exitCode: 2 });
      }
      if (context.asJson()) context.output.json(profile);
      else context.output.line(formatProfile(profile));
    });
}

const SIMILAR_MAX = 5;

/** Ids that share words with a name nobody has, those that share most of them first. */
function similarTo(id: string, catalogue: Catalogue): string {
  const words = id
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word.length > 1);
  const shared = (profile: DeviceProfile): number => {
    const [vendor = ''] = profile.id.split('/');
    return words.filter((word) => word.includes(vendor) || isAbout(profile, word)).length;
  };
  return [...catalogue.values()]
    .filter((profile) => shared(profile) > 0)
    .sort((left, right) => shared(right) - shared(left))
    .slice(0, SIMILAR_MAX)
    .map((profile) => profile.id)
    .join(', ');
}

interface MatchOptions {
  sysdescr?: string;
  oid?: string;
  snmp?: string[];
  makeModel?: string;
  deviceId?: string;
  ty?: string;
  product?: string;
  host?: string;
  title?: string;
  subject?: string;
  oui?: string;
  ehlo?: string;
}

function addMatch(profiles: Command, context: CliContext): void {
  profiles
    .command('match')
    .description('say which profile a device has, why, and how far the next one is')
    .option('--sysdescr <text>', 'SNMP sysDescr')
    .option('--oid <oid>', 'SNMP sysObjectID')
    .option('--snmp <oid=text...>', 'another SNMP value, such as 1.3.6.1.2.1.25.3.2.1.3.1="RICOH MP C2503"')
    .option('--make-model <text>', 'IPP printer-make-and-model')
    .option('--device-id <text>', 'IEEE 1284 device ID, such as "MFG:Brother;MDL:MFC-L2710DW;"')
    .option('--ty <text>', 'ty of the DNS-SD record')
    .option('--product <text>', 'product of the DNS-SD record')
    .option('--host <name>', 'host name that it announces')
    .option('--title <text>', 'title of its web page')
    .option('--subject <text>', 'subject of its certificate, such as "CN=Canon iR-ADV"')
    .option('--oui <mac-or-maker>', 'hardware address, or the maker of the network card')
    .option('--ehlo <name>', 'name in its greeting')
    .action((options: MatchOptions) => {
      const signals = signalsOf(options);
      const catalogue = context.profiles();
      const identification = createIdentifier(catalogue)(signals);
      const { advice } = createJudge(catalogue).identify(signals);
      context.exitCode = identification.profile === null ? 1 : 0;
      if (context.asJson()) context.output.json({ ...identification, advice });
      else context.output.line(formatMatch({ ...identification, advice }, context.output.width ?? null));
    });
}

function signalsOf(options: MatchOptions): DeviceSignals {
  const signals = {
    snmpSysDescr: options.sysdescr,
    snmpSysObjectId: options.oid,
    snmpOids: options.snmp === undefined ? undefined : snmpValues(options.snmp),
    ippMakeModel: options.makeModel,
    ippDeviceId: options.deviceId,
    dnssdTy: options.ty,
    dnssdProduct: options.product,
    dnssdHost: options.host,
    httpTitle: options.title,
    tlsSubject: options.subject,
    ouiVendor: options.oui === undefined ? undefined : makerOf(options.oui),
    ehlo: options.ehlo,
  };
  if (Object.values(signals).every((value) => value === undefined)) {
    throw usage('profiles match', 'Give at least one thing that the device says, such as --sysdescr.');
  }
  return signals;
}

function snmpValues(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, oid, text] = /^\.?(\d+(?:\.\d+)+)=(.*)$/s.exec(pair) ?? [];
      if (oid === undefined || text === undefined) {
        throw usage('profiles match', `--snmp takes a numeric OID and a text, as OID=TEXT, and not ${pair}.`);
      }
      return [oid, text];
    }),
  );
}

/** A maker's name as it is, or the maker of a hardware address; of an address that nobody lists, nothing follows. */
function makerOf(text: string): string | undefined {
  const digits = text.replaceAll(/[^0-9a-f]/gi, '');
  const isAddress = /^[0-9a-f]{2}([:-]?[0-9a-f]{2}){2,5}$/i.test(text);
  return isAddress ? (ouiVendorOf(digits) ?? undefined) : text;
}

function addCheck(profiles: Command, context: CliContext): void {
  profiles
    .command('check')
    .description('check profiles as a contribution is checked: shape, sources, rules, examples, dialogues')
    .argument('[folder]', 'catalogue, vendor or profile (default: the profiles inside this program)')
    .action((folder: string | undefined) => {
      const files = folder === undefined ? builtIn() : filesOf(folder);
      const faults = checkProfiles(files, folder === undefined ? [] : rawProfiles);
      context.exitCode = faults.length === 0 ? 0 : 1;
      const count = (kind: 'profile' | 'session') =>
        files.filter(({ path: name }) => isOf(kind, name)).length;
      const counts = { profiles: count('profile'), sessions: count('session') };
      if (context.asJson()) context.output.json({ ...counts, faults });
      else context.output.line(formatFaults(faults, counts));
    });
}

/** The bundle holds the profiles; their dialogues are for the tests alone. */
function builtIn(): CatalogueFile[] {
  return rawProfiles.map(({ path: name, json }) => ({ path: name, text: JSON.stringify(json) }));
}

/** Files of a folder of profiles; throws OperatorError where there are none. */
export function filesOf(folder: string): CatalogueFile[] {
  const unreadable = (detail: string, cause?: unknown) =>
    new OperatorError(PROBLEMS.folderUnreadable(folder, detail), { exitCode: 2, cause });
  if (!existsSync(folder)) throw unreadable('there is none');
  try {
    const files = readProfileFolder(path.resolve(folder));
    if (files.length > 0) return files;
  } catch (cause) {
    throw unreadable(describeError(cause), cause);
  }
  throw unreadable('it is empty');
}

function isOf(kind: 'profile' | 'session', name: string): boolean {
  return path.basename(name).startsWith(kind);
}

function formatFaults(
  faults: readonly ProfileFault[],
  { profiles, sessions }: { profiles: number; sessions: number },
): string {
  const what = `${formatCount(profiles, 'profile')} and ${formatCount(sessions, 'session')}`;
  if (faults.length === 0) return `${what}: all good`;
  const lines = faults.map(({ path: name, message }) => `${name}: ${message.replaceAll('\n', '\n  ')}`);
  return [...lines, '', `${what}: ${formatCount(faults.length, 'fault')}`].join('\n');
}

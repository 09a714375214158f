/** How a profile, and what the catalogue makes of a device, are told to a person. */

import { wrapText } from '../core/break-lines.ts';
import { claimsOf, covers } from '../profiles/claims.ts';
import type { Candidate, Identification } from '../profiles/identify.ts';
import { parentOf } from '../profiles/inherit.ts';
import { QUIRKS } from '../profiles/quirks.ts';
import { GRADES } from '../profiles/schema-evidence.ts';
import type { SignalRule } from '../profiles/schema-match.ts';
import type { SetupWay } from '../profiles/schema-setup.ts';
import { SIGNALS } from '../profiles/signals.ts';
import { rangeInWords } from '../profiles/summary.ts';
import type { DeviceProfile, Evidence } from '../profiles/types.ts';
import { formatTable } from './output.ts';

export function formatMatch(
  { verdict, sentence, profile, model, firmware, advice, candidates }: Identification & { advice: string[] },
  width: number | null,
): string {
  const facts = [
    ['profile', profile],
    ['model', model],
    ['firmware', firmware],
  ].flatMap(([name, value]) => (value === null ? [] : [`  ${(name ?? '').padEnd(8)}  ${value}`]));
  return [
    wrapText(`${verdict}: ${sentence}`, 0, width ?? undefined),
    ...facts,
    ...advice.map((text) => wrapText(text, 2, width ?? undefined)),
    ...(candidates.length === 0 ? [] : ['', formatCandidates(candidates, width)]),
  ].join('\n');
}

/** Every profile for which something speaks, and how far it is behind the first. */
function formatCandidates(candidates: readonly Candidate[], width: number | null): string {
  const first = candidates[0]?.score ?? 0;
  return formatTable(
    ['PROFILE', 'SCORE', 'NEEDED', 'BEHIND', 'VERDICT'],
    candidates.map(({ profile, score, minScore, verdict }, index) => [
      ...[profile, String(score), String(minScore)],
      ...[index === 0 ? '' : String(first - score), verdict],
    ]),
    candidates.map(({ counted }) => counted.map(({ weight, why }) => `${weight}: ${why}`).join('; ')),
    width,
  );
}

export function formatProfile(profile: DeviceProfile): string {
  const sources = createSources();
  const body = [
    ...section('Recognised by', rulesOf(profile, sources)),
    ...section('Its firmware', versionOf(profile, sources)),
    ...section('How it sends', claimLines(profile, ['tls', 'smtp', 'repair'], sources)),
    ...section('What its fields hold', claimLines(profile, ['limits'], sources)),
    ...(profile.setup ?? []).flatMap((way) => section(setupTitle(way), setupLines(way, sources))),
    ...section('What it may say', errorLines(profile, sources)),
  ];
  return [...headOf(profile, sources), ...body, ...section('Sources', sources.lines())].join('\n');
}

function headOf(profile: DeviceProfile, sources: Sources): string[] {
  const { id, title, kind, status, lastReviewed, aliases } = profile;
  const parent = parentOf(profile);
  const kin = parent === null ? null : `${profile.oemOf === undefined ? 'variant' : 'badge'} of ${parent}`;
  const facts = [kind, kin, status, lastReviewed && `reviewed ${lastReviewed}`].filter(Boolean).join(', ');
  const marks = profile.oemOf === undefined ? '' : sources.marksOf(profile.evidence, 'oemOf');
  return [
    `${id}: ${title}`,
    `${facts}${marks}`,
    ...(aliases === undefined ? [] : [`also ${aliases.join(', ')}`]),
  ];
}

function rulesOf({ match, evidence }: DeviceProfile, sources: Sources): string[] {
  if (match === undefined) return ['  nothing: choose it by hand, under devices of the config'];
  const rules = [...match.signals].sort((left, right) => right.weight - left.weight);
  return [
    ...rules.map((rule) => `  ${String(rule.weight).padStart(4)}  ${ruleInWords(rule)}`),
    `  needed: ${match.minScore}, by two signals or more${sources.marksOf(evidence, 'match')}`,
  ];
}

const OPERATIONS = { prefix: 'begins with', regex: 'fits', equals: 'is' } as const;

function ruleInWords({ signal, oid, op, value }: SignalRule): string {
  return [SIGNALS[signal], oid, OPERATIONS[op], `‘${value}’`].filter((word) => word !== undefined).join(' ');
}

function versionOf({ version, evidence }: DeviceProfile, sources: Sources): string[] {
  if (version === undefined) return [];
  const from = version.from.map(({ signal, oid }) => [SIGNALS[signal], oid].filter(Boolean).join(' '));
  return [`  read from ${[...new Set(from)].join(', ')}${sources.marksOf(evidence, 'version')}`];
}

/** One line for each claim below the parts named. */
function claimLines(profile: DeviceProfile, parts: readonly string[], sources: Sources): string[] {
  const claims = claimsOf(profile).filter((claim) => parts.includes(claim.split('.')[0] ?? ''));
  const ranges = claims.some((claim) => claim.startsWith('tls.ranges')) ? rangeLines(profile, sources) : [];
  const others = claims.filter((claim) => !claim.startsWith('tls.ranges'));
  const widest = Math.max(0, ...others.map((claim) => claim.length));
  return [
    ...ranges,
    ...others.map((claim) => {
      const text = `${valueAt(profile, claim)}${sources.marksOf(profile.evidence, claim)}`;
      return `  ${claim.padEnd(widest)}  ${wrapText(text, widest + 4).trimStart()}`;
    }),
  ];
}

function rangeLines({ tls, evidence }: DeviceProfile, sources: Sources): string[] {
  return (tls?.ranges ?? []).map((range) => {
    const { update } = range;
    const advice = update === undefined ? '' : ` (${update.brings})`;
    const said = rangeInWords(range) || 'nothing of versions';
    return `  TLS: ${wrapText(`${said}${advice}${sources.marksOf(evidence, 'tls.ranges')}`, 4).trimStart()}`;
  });
}

/** What stands at a path such as `smtp.helo.verb`; a quirk is told in words. */
function valueAt(profile: DeviceProfile, claim: string): string {
  const names = claim.split('.');
  if (claim.startsWith('smtp.quirks.')) {
    const quirk = Object.entries(QUIRKS).find(([id]) => id === names[2]);
    return quirk?.[1].tolerated ?? claim;
  }
  let value: unknown = profile;
  for (const name of names) {
    value =
      typeof value === 'object' && value !== null
        ? Object.entries(value).find(([key]) => key === name)?.[1]
        : undefined;
  }
  return Array.isArray(value) ? value.join(', ') : String(value);
}

const PLACES = { web: 'On its web page', panel: 'At its panel', service: 'In its service mode' } as const;

function setupTitle({ ui, title, models, firmware }: SetupWay): string {
  return [PLACES[ui], title, models, firmware].filter(Boolean).join(', ');
}

function setupLines({ steps, note, complete, ...evidence }: SetupWay, sources: Sources): string[] {
  const mark = sources.mark(evidence);
  return [
    ...steps.map(({ path, label, set, limit }) => {
      const where = [...path, ...(label === undefined ? [] : [label])].join(' > ');
      return wrapText(`${where}: ${set}${limit === undefined ? '' : ` (${limit})`}`, 2);
    }),
    ...(note === undefined ? [] : [wrapText(note, 2)]),
    `  ${complete ? 'all of its fields' : 'only part of its fields'} ${mark}`,
  ];
}

function errorLines({ errors = [] }: DeviceProfile, sources: Sources): string[] {
  return errors.map(({ code, meaning, advice, ...evidence }) =>
    wrapText(`${code}: ${[meaning, advice].filter(Boolean).join(' ')} ${sources.mark(evidence)}`, 2),
  );
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines];
}

type Source = Pick<Evidence, 'grade' | 'source' | 'date' | 'inheritedFrom'>;

interface Sources {
  /** `[1]` for a source, the same for the same one. */
  mark(source: Source): string;
  /** The marks of all evidence that covers a claim, after a blank; '' where there is none. */
  marksOf(evidence: readonly Evidence[], claim: string): string;
  lines(): string[];
}

/** Numbers the sources as they are named, so that each is printed once. */
function createSources(): Sources {
  const numbers = new Map<string, number>();
  const mark = ({ grade, source, date, inheritedFrom }: Source): string => {
    const by = inheritedFrom === undefined ? '' : ` (through ${inheritedFrom})`;
    const text = `${GRADES[grade]}, ${date}: ${source}${by}`;
    const number = numbers.get(text) ?? numbers.size + 1;
    numbers.set(text, number);
    return `[${number}]`;
  };
  return {
    mark,
    marksOf(evidence, claim) {
      const found = evidence.filter(({ field }) => covers(field, claim) || covers(claim, field));
      return found.length === 0 ? '' : ` ${[...new Set(found.map(mark))].join('')}`;
    },
    lines: () => [...numbers].map(([text, number]) => `  [${number}] ${wrapText(text, 6).trimStart()}`),
  };
}

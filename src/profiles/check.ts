/** Checks profile files as a whole: what a contribution must fulfil before it is part of the catalogue. */
import { evidenceFaults } from './claims.ts';
import { createIdentifier, type Identifier } from './identify.ts';
import { parentOf } from './inherit.ts';
import { type ProfileFault, readCatalogue } from './load-catalogue.ts';
import { patternFault } from './pattern.ts';
import { privacyFaults } from './privacy.ts';
import type { Extraction, SignalRule, TestVector } from './schema-match.ts';
import { PLACEHOLDERS } from './schema-setup.ts';
import { parseSession } from './session-file.ts';
import {
  type Catalogue,
  type DeviceProfile,
  type ProfileFile,
  profileSchema,
  type RawProfile,
} from './types.ts';

/** One file below a folder of profiles, as text. */
export interface CatalogueFile {
  /** Such as `ricoh/mp/profile.json` or `ricoh/mp/session-sign-in.txt`. */
  path: string;
  text: string;
}

/**
 * Every fault of the files, in order of path. `known` are profiles that stand beside them, such as the built-in ones:
 * test vectors are tried against all, and a file replaces the known profile of the same id.
 */
export function checkProfiles(files: readonly CatalogueFile[], known: readonly RawProfile[]): ProfileFault[] {
  const { raw, faults: unreadable } = readJson(files.filter(({ path }) => path.endsWith('/profile.json')));
  const own = new Set(raw.map(({ path }) => path));
  const beside = known.filter(({ path }) => !own.has(path));
  const { catalogue, faults } = readCatalogue([...beside, ...raw]);
  const wrong = new Set(faults.map(({ path }) => path));
  const schema = profileSchema();
  const sound = raw.flatMap(({ path, json }) => {
    const parsed = wrong.has(path) ? null : schema.safeParse(json);
    return parsed?.success === true ? [{ path, profile: parsed.data }] : [];
  });
  const shape = sound.flatMap(({ path, profile }) => at(path, profileFaults(profile)));
  const others = files.filter(({ path }) => !path.endsWith('/profile.json'));
  return [
    ...[...unreadable, ...faults, ...shape],
    // Rules that can't be compiled say nothing about vectors.
    ...(sound.some(({ profile }) => patternsOf(profile).length > 0)
      ? []
      : vectorFaults({ sound, catalogue, beside: beside.map(({ path }) => path) })),
    ...others.flatMap((file) => at(file.path, otherFileFaults(file, files))),
  ].sort((left, right) => (left.path < right.path ? -1 : Number(left.path > right.path)));
}

function at(path: string, messages: readonly string[]): ProfileFault[] {
  return messages.map((message) => ({ path, message }));
}

function readJson(files: readonly CatalogueFile[]): { raw: RawProfile[]; faults: ProfileFault[] } {
  const raw: RawProfile[] = [];
  const faults: ProfileFault[] = [];
  for (const { path, text } of files) {
    try {
      raw.push({ path, json: JSON.parse(text) });
    } catch (error) {
      faults.push({ path, message: `is no JSON: ${error instanceof Error ? error.message : String(error)}` });
    }
  }
  return { raw, faults };
}

/** What is wrong with one profile that has passed the schema. */
function profileFaults(profile: ProfileFile): string[] {
  return [
    ...evidenceFaults(profile),
    ...patternsOf(profile),
    ...matchFaults(profile),
    ...placeholderFaults(profile),
    ...privacyFaults(JSON.stringify(profile)),
  ];
}

function matchFaults({ match, testVectors }: ProfileFile): string[] {
  if (match === undefined) return testVectors === undefined ? [] : ['has test vectors but no match'];
  const alone = match.signals.filter(({ weight }) => weight >= match.minScore);
  return [
    ...alone.map(
      ({ signal }) => `match.signals: ${signal} alone reaches minScore; no single signal may decide`,
    ),
    ...(testVectors === undefined ? ['match has no test vector; add one observation that it must name'] : []),
  ];
}

/** What is wrong with any of its regular expressions. */
function patternsOf({ match, version }: ProfileFile): string[] {
  return [
    ...patternFaults('match.signals', match?.signals ?? []),
    ...patternFaults('match.model', match?.model ?? []),
    ...patternFaults('version', version?.from ?? []),
  ];
}

/** Faults of the regular expressions of rules, or of extractions, which need a group as well. */
function patternFaults(where: string, rules: readonly (SignalRule | Extraction)[]): string[] {
  return rules.flatMap((rule) => {
    const isExtraction = 'regex' in rule;
    if (!isExtraction && rule.op !== 'regex') return [];
    const source = isExtraction ? rule.regex : rule.value;
    const fault = patternFault(source);
    if (fault !== null) return [`${where}: ${source} ${fault}`];
    return isExtraction && !hasGroup(source) ? [`${where}: ${source} has no group to take`] : [];
  });
}

function hasGroup(source: string): boolean {
  return (new RegExp(`${source}|`, 'u').exec('')?.length ?? 0) > 1;
}

function placeholderFaults({ setup }: ProfileFile): string[] {
  const texts = (setup ?? []).flatMap(({ steps, note }) => [...steps.map(({ set }) => set), note ?? '']);
  const names = texts.flatMap((text) => [...text.matchAll(/\{\{(.*?)\}\}/g)].map(([, name]) => name ?? ''));
  return [...new Set(names)]
    .filter((name) => !Object.hasOwn(PLACEHOLDERS, name))
    .map((name) => `setup names {{${name}}}, which the setup sheet does not know`);
}

interface VectorCheck {
  sound: { path: string; profile: ProfileFile }[];
  catalogue: Catalogue;
  /** Paths of the profiles that stand beside. */
  beside: readonly string[];
}

function vectorFaults({ sound, catalogue, beside }: VectorCheck): ProfileFault[] {
  const identify = createIdentifier(catalogue);
  // A maker's own devices may be told apart by score alone; those of two makers may not.
  const kin = (left: string, right: string) =>
    catalogue.get(left)?.vendor === catalogue.get(right)?.vendor ||
    familyOf(left, catalogue) === familyOf(right, catalogue);
  const own = sound.flatMap(({ path, profile }) =>
    (profile.testVectors ?? []).flatMap((vector, index) =>
      at(
        path,
        vectorFault(profile.id, vector, { identify, kin }).map((fault) => `testVectors[${index}] ${fault}`),
      ),
    ),
  );
  const taken = beside.flatMap((path) => {
    const profile = catalogue.get(path.replace(/\/profile\.json$/, ''));
    return profile === undefined ? [] : takenDevices(profile, sound, identify);
  });
  return [...own, ...taken];
}

interface VectorTools {
  identify: Identifier;
  /** Whether two profiles are of one vendor, or of one family of badges and variants. */
  kin(left: string, right: string): boolean;
}

/** A vector must name its profile and no other, and read out exactly what it says. */
function vectorFault(id: string, vector: TestVector, { identify, kin }: VectorTools): string[] {
  const found = identify(vector.signals);
  if (found.profile !== id) {
    return [`is ${found.profile ?? found.verdict} instead of ${id}: ${found.sentence}`];
  }
  const expected = {
    verdict: vector.verdict,
    model: vector.model ?? null,
    firmware: vector.firmware ?? null,
  };
  const differing = (['verdict', 'model', 'firmware'] as const)
    .filter((field) => found[field] !== expected[field])
    .map((field) => `has ${field} ${found[field] ?? 'none'} instead of ${expected[field] ?? 'none'}`);
  const rivals = found.candidates
    .filter(({ profile, verdict }) => verdict === found.verdict && !kin(profile, id))
    .map(({ profile, score }) => `is claimed by ${profile} as well, with ${score} beside ${found.score}`);
  return [...differing, ...rivals];
}

/** Devices of a profile that stands beside, and that one of the checked profiles takes away from it. */
function takenDevices(
  profile: DeviceProfile,
  sound: VectorCheck['sound'],
  identify: Identifier,
): ProfileFault[] {
  return (profile.testVectors ?? []).flatMap((vector, index) => {
    const found = identify(vector.signals);
    if (found.profile === profile.id) return [];
    const fault = `claims a device of ${profile.id} (its testVectors[${index}]): ${found.sentence}`;
    const best = found.candidates[0];
    return sound
      .filter(({ profile: { id } }) =>
        found.candidates.some((one) => one.profile === id && one.score === best?.score),
      )
      .map(({ path }) => ({ path, message: fault }));
  });
}

/** The profile at the root of the badges and variants that this one belongs to. */
function familyOf(id: string, catalogue: Catalogue): string {
  const profile = catalogue.get(id);
  const parent = profile === undefined ? null : parentOf(profile);
  return parent === null ? id : familyOf(parent, catalogue);
}

function otherFileFaults({ path, text }: CatalogueFile, files: readonly CatalogueFile[]): string[] {
  const [vendor, name, file = ''] = path.split('/');
  if (!/^session-[a-z0-9-]+\.txt$/.test(file)) {
    return ['does not belong into a profile: only profile.json and session-*.txt do'];
  }
  const isAlone = !files.some((other) => other.path === `${vendor}/${name}/profile.json`);
  const parsed = parseSession(text);
  return [
    ...(isAlone ? ['has no profile.json beside it'] : []),
    ...('fault' in parsed ? [parsed.fault] : []),
    ...privacyFaults(text),
  ];
}

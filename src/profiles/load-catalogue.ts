/** Turns profile files into the catalogue; a wrong file is an error of the build, not of a site. */
import type * as z from 'zod';
import { inherit, parentOf } from './inherit.ts';
import {
  type Catalogue,
  type DeviceProfile,
  type ProfileFile,
  profileSchema,
  type RawProfile,
} from './types.ts';

/** A fault of one profile file: where it lies, and what is wrong in one sentence or more lines. */
export interface ProfileFault {
  path: string;
  message: string;
}

/** Validates every profile and fills in what is inherited; throws one error that names every fault with its file. */
export function loadCatalogue(raw: readonly RawProfile[]): Catalogue {
  const { catalogue, faults } = readCatalogue(raw);
  throwFaults(faults);
  return catalogue;
}

/** As `loadCatalogue`, for profiles that fit the schema for certain. */
export function loadChecked(profiles: readonly ProfileFile[]): Catalogue {
  const faults: ProfileFault[] = [];
  const catalogue = resolveAll(new Map(profiles.map((file) => [file.id, file])), faults);
  throwFaults(faults);
  return catalogue;
}

function throwFaults(faults: readonly ProfileFault[]): void {
  if (faults.length === 0) return;
  const lines = faults.map(({ path, message }) => `${path}: ${message}`);
  throw new Error(`device profiles can't be loaded:\n${lines.join('\n')}`);
}

/** The profiles that are right, and the faults of the others. */
export function readCatalogue(raw: readonly RawProfile[]): { catalogue: Catalogue; faults: ProfileFault[] } {
  const files = new Map<string, ProfileFile>();
  const faults: ProfileFault[] = [];
  const schema = profileSchema();
  for (const { path, json } of raw) {
    const parsed = schema.safeParse(json);
    if (!parsed.success) {
      faults.push(...parsed.error.issues.map((issue) => ({ path, message: issueInWords(issue) })));
      continue;
    }
    const fault = faultOf(parsed.data, path, files);
    if (fault) faults.push({ path, message: fault });
    else files.set(parsed.data.id, parsed.data);
  }
  return { catalogue: resolveAll(files, faults), faults };
}

/** More choices than this are looked up in the schema rather than read in a line. */
const CHOICES_MAX = 8;

/** What is wrong with a key, with the key in front: `evidence[1].source is missing`. */
function issueInWords(issue: z.core.$ZodIssue): string {
  const key = issue.path.reduce<string>(
    (before, part) =>
      typeof part === 'number' ? `${before}[${part}]` : `${before}${before === '' ? '' : '.'}${String(part)}`,
    '',
  );
  const at = key === '' ? '' : `${key}: `;
  if (issue.code === 'unrecognized_keys') return `${at}the key ${issue.keys.join(' and ')} does not exist`;
  if (issue.message.endsWith('received undefined')) return `${key} is missing`;
  if (issue.code === 'invalid_value' && issue.values.length > CHOICES_MAX) {
    return `${at}expected one of the ${issue.values.length} values that firmware-profiles/profile.schema.json lists`;
  }
  return at + issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

function faultOf(profile: ProfileFile, path: string, files: ReadonlyMap<string, ProfileFile>): string | null {
  if (files.has(profile.id)) return `the id ${profile.id} is used twice`;
  if (path !== `${profile.id}/profile.json`) return `the id ${profile.id} does not fit the folder`;
  if (profile.oemOf !== undefined && profile.variantOf !== undefined)
    return 'oemOf and variantOf exclude each other';
  return null;
}

function resolveAll(files: ReadonlyMap<string, ProfileFile>, faults: ProfileFault[]): Catalogue {
  const whole = new Map<string, DeviceProfile>();
  for (const file of files.values()) {
    const fault = resolve(file, { files, whole });
    if (fault !== null) faults.push({ path: `${file.id}/profile.json`, message: fault });
  }
  // In the order of the files, whatever order inheritance resolved them in.
  return new Map([...files.keys()].flatMap((id) => entryOf(whole, id)));
}

function entryOf(whole: ReadonlyMap<string, DeviceProfile>, id: string): [string, DeviceProfile][] {
  const profile = whole.get(id);
  return profile === undefined ? [] : [[id, profile]];
}

interface Resolution {
  files: ReadonlyMap<string, ProfileFile>;
  whole: Map<string, DeviceProfile>;
}

/** Fills in a file and, before it, those it takes from; returns what is wrong, or null. */
function resolve(file: ProfileFile, resolution: Resolution): string | null {
  const { files, whole } = resolution;
  if (whole.has(file.id)) return null;
  const parentId = parentOf(file);
  if (parentId === null) {
    whole.set(file.id, file);
    return null;
  }
  if (isInCircle(file, files)) return `it takes from itself by way of ${parentId}`;
  const parentFile = files.get(parentId);
  if (parentFile === undefined) return `there is no profile ${parentId} to take from`;
  const fault = resolve(parentFile, resolution);
  const parent = whole.get(parentId);
  if (fault !== null || parent === undefined) return `the profile ${parentId} it takes from is faulty`;
  whole.set(file.id, inherit(file, parent));
  return null;
}

/** Whether the way from parent to parent comes to a profile that it has passed. */
function isInCircle(file: ProfileFile, files: ReadonlyMap<string, ProfileFile>): boolean {
  const passed = new Set<string>();
  for (let one: ProfileFile | undefined = file; one !== undefined; one = files.get(parentOf(one) ?? '')) {
    if (passed.has(one.id)) return true;
    passed.add(one.id);
  }
  return false;
}

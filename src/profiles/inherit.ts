/** Fills a profile with what it takes from the profile it is a badge or a variant of. */
import { claimsOf, covers } from './claims.ts';
import { GRADES, type Grade } from './schema-evidence.ts';
import type { DeviceProfile, Evidence, ProfileFile } from './types.ts';

/** What is taken over; match, model and test vectors name one profile only and are never inherited. */
const INHERITED = ['tls', 'smtp', 'repair', 'limits', 'version', 'setup', 'errors'] as const;
const GRADE_ORDER = Object.keys(GRADES);

/** The profile a file takes from, or null. */
export function parentOf(file: ProfileFile): string | null {
  return file.oemOf ?? file.variantOf ?? null;
}

/** A file and its parent, which is already whole, as one whole profile: the child's word counts, then the parent's. */
export function inherit(child: ProfileFile, parent: DeviceProfile): DeviceProfile {
  const merged: Record<string, unknown> = { ...child };
  for (const part of INHERITED) {
    const value = merge(child[part], parent[part]);
    if (value !== undefined) merged[part] = value;
  }
  if (child.kind === undefined && parent.kind !== undefined) merged['kind'] = parent.kind;
  // Both sides have passed the schema, and merging adds no key that it doesn't know.
  const whole = merged as DeviceProfile;
  const claims = claimsOf(whole);
  const inherited = inheritedEvidence(child, parent).filter(({ field }) =>
    claims.some((claim) => covers(field, claim)),
  );
  return { ...whole, evidence: [...child.evidence, ...inherited] };
}

function merge(child: unknown, parent: unknown): unknown {
  if (child === undefined) return parent;
  if (!isPlainObject(child) || !isPlainObject(parent)) return child;
  const keys = new Set([...Object.keys(parent), ...Object.keys(child)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(child[key], parent[key])]));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Evidence for what was taken over: no surer than the claim that the two are one device. */
function inheritedEvidence(child: ProfileFile, parent: DeviceProfile): Evidence[] {
  const kinship = child.evidence.find(({ field }) => field === 'oemOf')?.grade;
  const own = new Set(child.evidence.map(({ field }) => field));
  return parent.evidence
    .filter(({ field }) => INHERITED.some((part) => field === part || field.startsWith(`${part}.`)))
    .filter(({ field }) => !own.has(field))
    .map((evidence) => ({
      ...evidence,
      grade: weaker(evidence.grade, kinship ?? evidence.grade),
      inheritedFrom: evidence.inheritedFrom ?? parent.id,
    }));
}

function weaker(left: Grade, right: Grade): Grade {
  return GRADE_ORDER.indexOf(left) >= GRADE_ORDER.indexOf(right) ? left : right;
}

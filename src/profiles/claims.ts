/** The claims of a profile and the evidence for them: what is said without a source, and sources for nothing. */
import type { ProfileFile } from './types.ts';

type Claiming = Pick<ProfileFile, 'match' | 'version' | 'oemOf' | 'tls' | 'smtp' | 'repair' | 'limits'>;

/** Parts whose every leaf is a claim of its own. Setup ways, error codes and test vectors carry their source themselves. */
const PARTS = ['tls', 'smtp', 'repair', 'limits'] as const;

/** Paths of all claims, such as `tls.mode`, `smtp.quirks.helo-only` or `match`. */
export function claimsOf(profile: Claiming): string[] {
  const whole = (['match', 'version', 'oemOf'] as const).filter((part) => profile[part] !== undefined);
  const leaves = PARTS.flatMap((part) => leavesOf(profile[part], part));
  return [...new Set([...whole, ...leaves])];
}

function leavesOf(value: unknown, path: string): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((item) => leavesOfItem(item, path));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => {
    // "Holds for any firmware" restricts nothing and so needs no source.
    return path === 'tls.ranges' && key === 'firmware' && inner === 'any'
      ? []
      : leavesOf(inner, `${path}.${key}`);
  });
}

/** Quirks are claims one by one; rows of a list share their paths; other lists are one claim. */
function leavesOfItem(item: unknown, path: string): string[] {
  if (path === 'smtp.quirks') return [`${path}.${String(item)}`];
  return typeof item === 'object' ? leavesOf(item, path) : [path];
}

/** Whether evidence for `field` covers the claim: it is the claim itself, or something it lies below. */
export function covers(field: string, claim: string): boolean {
  return claim === field || claim.startsWith(`${field}.`);
}

/** What is claimed without evidence, and evidence that no claim needs. */
export function evidenceFaults(profile: ProfileFile): string[] {
  const claims = claimsOf(profile);
  const fields = profile.evidence.map(({ field }) => field);
  const bare = claims.filter((claim) => !fields.some((field) => covers(field, claim)));
  const idle = [...new Set(fields)].filter((field) => !claims.some((claim) => covers(field, claim)));
  return [
    ...bare.map((claim) => `claims ${claim} without evidence`),
    ...idle.map((field) => `gives evidence for ${field}, which it does not claim`),
  ];
}

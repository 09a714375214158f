/** Turns profile files into the catalogue; a wrong file is an error of the build, not of a site. */
import * as z from 'zod';
import { type Catalogue, type DeviceProfile, profileSchema, type RawProfile } from './types.ts';

/** Validates every profile; throws one error that names every fault with its file. */
export function loadCatalogue(raw: readonly RawProfile[]): Catalogue {
  const catalogue = new Map<string, DeviceProfile>();
  const faults: string[] = [];
  for (const file of raw) {
    const parsed = profileSchema.safeParse(file.json);
    if (!parsed.success) {
      faults.push(`${file.path}: ${z.prettifyError(parsed.error)}`);
      continue;
    }
    const profile = parsed.data;
    const fault = faultOf(profile, file.path, catalogue);
    if (fault) faults.push(`${file.path}: ${fault}`);
    else catalogue.set(profile.id, profile);
  }
  if (faults.length > 0) throw new Error(`device profiles can't be loaded:\n${faults.join('\n')}`);
  return catalogue;
}

function faultOf(profile: DeviceProfile, path: string, catalogue: Catalogue): string | null {
  if (catalogue.has(profile.id)) return `the id ${profile.id} is used twice`;
  if (path !== `${profile.id}/profile.json`) return `the id ${profile.id} does not fit the folder`;
  return null;
}

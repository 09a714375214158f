/** The catalogue that is built into the product. */
import { rawProfiles } from './catalogue.generated.ts';
import { loadChecked } from './load-catalogue.ts';
import type { Catalogue, ProfileFile } from './types.ts';

/** Puts the built-in profiles together; call it once, at start. */
export function builtInCatalogue(): Catalogue {
  // The tests hold the profiles of a build against their schema; a box would spend 50 ms at each start to do it again.
  return loadChecked(rawProfiles.map(({ json }) => json as ProfileFile));
}

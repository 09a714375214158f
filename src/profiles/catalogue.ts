/** The catalogue that is built into the product. */
import { rawProfiles } from './catalogue.generated.ts';
import { loadCatalogue } from './load-catalogue.ts';
import type { Catalogue } from './types.ts';

/** Parses the built-in profiles; call it once, at start. */
export function builtInCatalogue(): Catalogue {
  return loadCatalogue(rawProfiles);
}

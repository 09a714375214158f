/** A bundle from what the box shows and what is known of the agent. */
import { type BoxPlaces, readBoxFacts } from './box-facts.ts';
import { bundleName, packBundle } from './bundle.ts';
import { bundleContents } from './contents.ts';
import type { LiveFacts } from './facts.ts';

export interface MadeBundle {
  /** Name without its ending. */
  name: string;
  bytes: Buffer;
  files: { name: string; bytes: number; about: string }[];
  missing: { name: string; why: string }[];
}

export interface BundleRequest {
  places: BoxPlaces;
  live: LiveFacts;
  withAddresses: boolean;
  /** Epoch milliseconds. */
  now: number;
}

/** Gathers, cleans and packs. */
export async function makeBundle({ places, live, withAddresses, now }: BundleRequest): Promise<MadeBundle> {
  const { secrets, names, ...box } = readBoxFacts(places);
  const { files, missing } = bundleContents({ ...box, ...live, now }, { secrets, names, withAddresses });
  const name = bundleName(now);
  return {
    name,
    bytes: await packBundle(files, name, now),
    files: files.map((file) => ({ name: file.name, bytes: Buffer.byteLength(file.text), about: file.about })),
    missing,
  };
}

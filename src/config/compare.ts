/** Which parts of the config differ between two readings, secrets and the texts of files included. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './schema.ts';

/** Parts that hold a place or a name for good: another one is another box, which begins with a start of its own. */
const FIXED = [
  ['dataDir', (config: Config) => config.dataDir],
  ['site.id', (config: Config) => config.site.id],
] as const;

/** Top-level keys whose values differ, in alphabetical order. */
export function changedKeys(before: Config, after: Config): string[] {
  const [old, fresh]: Record<string, unknown>[] = [{ ...before }, { ...after }];
  const keys = new Set([...Object.keys(old ?? {}), ...Object.keys(fresh ?? {})]);
  return [...keys].filter((key) => !isDeepStrictEqual(plain(old?.[key]), plain(fresh?.[key]))).sort();
}

/** Keys that differ and can't change while the agent runs. */
export function changedFixedKeys(before: Config, after: Config): string[] {
  return FIXED.filter(([, read]) => read(before) !== read(after)).map(([key]) => key);
}

/** The same value with each secret in clear, so that two can be compared; it must not leave this file. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('reveal' in value && typeof value.reveal === 'function') return { secret: value.reveal() };
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

/** Which parts of the config differ between two readings, secrets and the texts of files included. */
import { createHmac } from 'node:crypto';
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
  return [...keys].filter((key) => !isSame(old?.[key], fresh?.[key])).sort();
}

/** Whether two parts of a config are equal, secrets and the texts of files included. */
export function isSame(before: unknown, after: unknown): boolean {
  return isDeepStrictEqual(plain(before), plain(after));
}

/** Keys that differ and can't change while the agent runs. */
export function changedFixedKeys(before: Config, after: Config): string[] {
  return FIXED.filter(([, read]) => read(before) !== read(after)).map(([key]) => key);
}

/** Changes when anything of the config does, its secrets included; without the key it tells nothing of them. */
export function configFingerprint(config: Config, key: Buffer): string {
  const text = JSON.stringify(plain(config));
  return createHmac('sha256', key).update('config').update(text).digest('hex').slice(0, FINGERPRINT_CHARS);
}

const FINGERPRINT_CHARS = 16;

/** The same value with each secret in clear, so that two can be compared; it must not leave this file. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('reveal' in value && typeof value.reveal === 'function') return { secret: value.reveal() };
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

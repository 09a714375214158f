/**
 * Evaluates SPF records (RFC 7208) as far as a site needs: all, include, a, mx, ip4, ip6, redirect, and the limit of ten
 * lookups. What needs the sender of a message (macros, exists) or reverse names (ptr) can't be told here and is said so.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { LIMITS } from '../core/limits.ts';
import { type Bounds, within } from '../routes/bounds.ts';
import type { DoctorResolver } from './types.ts';

export type SpfResult = 'none' | 'pass' | 'fail' | 'softfail' | 'neutral' | 'permerror' | 'temperror';

export interface SpfReading {
  result: SpfResult;
  /** Every SPF record of the domain; with more than one, all of them are void. */
  records: string[];
  /** Domains that are included or redirected to, at any depth, lower case. */
  includes: string[];
  /** Terms that cost a lookup (RFC 7208 section 4.6.4), counted as for an address that nothing fits. */
  lookups: number;
  /** What is wrong with the record; '' where nothing is. */
  detail: string;
  /** Terms that are not evaluated here, so that one of them may fit the address. */
  open: string[];
}

/** Ends an evaluation with the result for the whole (RFC 7208 section 2.6). */
class SpfEnd extends Error {
  readonly result: 'permerror' | 'temperror';
  constructor(result: 'permerror' | 'temperror', detail: string) {
    super(detail);
    this.name = 'SpfEnd';
    this.result = result;
  }
}

interface Walk extends Bounds {
  resolver: DoctorResolver;
  /** The address that asks; null only counts. */
  address: string | null;
  lookups: number;
  includes: Set<string>;
  open: string[];
}

/** Whose mail is judged: `address` is null where it is not known, so that only the record itself is. */
export interface SpfQuestion extends Bounds {
  domain: string;
  address: string | null;
  resolver: DoctorResolver;
}

/** Reads and evaluates the record of a domain. @throws AttemptAborted alone: what names and records are like is in the reading. */
export async function readSpf({ domain, address, ...deps }: SpfQuestion): Promise<SpfReading> {
  const walk: Walk = { ...deps, address, lookups: 0, includes: new Set(), open: [] };
  let records: string[] = [];
  const reading = (result: SpfResult, detail = ''): SpfReading => ({
    ...{ result, records, detail, includes: [...walk.includes], lookups: walk.lookups, open: walk.open },
  });
  try {
    records = await spfRecords(domain, walk);
    if (records.length > 1) return reading('permerror', `${records.length} records`);
    const [record] = records;
    return reading(record === undefined ? 'none' : await evaluate(record, domain, walk));
  } catch (error) {
    if (error instanceof SpfEnd) return reading(error.result, error.message);
    throw error;
  }
}

/** TXT strings that are joined and start with the version (RFC 7208 sections 3.3 and 4.5). */
async function spfRecords(domain: string, walk: Walk): Promise<string[]> {
  const answers = await lookUp(() => walk.resolver.resolveTxt(domain), domain, walk);
  return answers.map((strings) => strings.join('')).filter((text) => /^v=spf1(?: |$)/i.test(text));
}

/** No such name and no such record are answers; all else is trouble of the name servers. */
async function lookUp<T>(ask: () => Promise<T[]>, name: string, walk: Walk): Promise<T[]> {
  const answer = ask().catch((error: unknown): T[] => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
    throw new SpfEnd('temperror', `${name}: ${code}`);
  });
  return await within(answer, walk, {
    limitMs: LIMITS.routeLookupMaxMs,
    onTimeout: () => new SpfEnd('temperror', `${name}: no answer`),
  });
}

const QUALIFIERS: Record<string, SpfResult> = { '+': 'pass', '-': 'fail', '~': 'softfail', '?': 'neutral' };

/** One mechanism: qualifier, name, what stands after the colon, and the lengths of prefixes for IPv4 and IPv6. */
const MECHANISM =
  /^([-+~?])?(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^/]+))?(?:\/(\d{1,3}))?(?:\/\/(\d{1,3}))?$/i;
const MODIFIER = /^([a-z][a-z0-9._-]*)=(.*)$/i;

/** Terms after one that fits are still read: what they cost counts for other senders, a mistake in them voids the record. */
async function evaluate(record: string, domain: string, walk: Walk): Promise<SpfResult> {
  const terms = termsOf(record);
  const mechanisms = terms.filter((term) => !MODIFIER.test(term)).map((term) => parseMechanism(term, domain));
  let result: SpfResult | null = null;
  for (const mechanism of mechanisms) {
    const isFitting = await fits(mechanism, walk);
    if (isFitting) result ??= mechanism.result;
  }
  const target = redirectOf(terms);
  if (target === undefined || mechanisms.some(({ name }) => name === 'all')) return result ?? 'neutral';
  const redirected = await follow(target, walk);
  return result ?? redirected;
}

/** The terms of a record, without its version. */
export function termsOf(record: string): string[] {
  return record.split(/ +/).slice(1).filter(Boolean);
}

function redirectOf(terms: readonly string[]): string | undefined {
  const values = terms
    .map((term) => MODIFIER.exec(term))
    .filter((parts) => parts?.[1]?.toLowerCase() === 'redirect');
  return values[0]?.[2];
}

interface Mechanism {
  name: string;
  result: SpfResult;
  value: string;
  prefixes: { ipv4: number; ipv6: number };
  text: string;
}

function parseMechanism(text: string, domain: string): Mechanism {
  const [, sign = '+', rawName = '', given, first, second] = MECHANISM.exec(text) ?? [];
  const name = rawName.toLowerCase();
  const value = (given ?? domain).replace(/\.$/, '');
  const prefixes = {
    ipv4: name === 'ip6' ? 32 : Number(first ?? 32),
    ipv6: Number((name === 'ip6' ? first : second) ?? 128),
  };
  const isGood = name !== '' && prefixes.ipv4 <= 32 && prefixes.ipv6 <= 128 && hasValue(name, given);
  if (!isGood) throw new SpfEnd('permerror', `"${text}" is no term of SPF`);
  return { name, text, prefixes, value, result: QUALIFIERS[sign] ?? 'pass' };
}

function hasValue(name: string, value: string | undefined): boolean {
  if (name === 'ip4') return isIPv4(value ?? '');
  if (name === 'ip6') return isIPv6(value ?? '');
  return value !== undefined || !['include', 'exists'].includes(name);
}

async function fits(mechanism: Mechanism, walk: Walk): Promise<boolean> {
  const { name, value, text, prefixes } = mechanism;
  if (name === 'all') return true;
  if (name === 'ip4' || name === 'ip6') return isWithin(walk.address, [value], prefixes);
  countLookup(walk);
  if (name === 'ptr' || name === 'exists' || value.includes('%')) {
    walk.open.push(text);
    return false;
  }
  if (name === 'include') return (await follow(value, walk)) === 'pass';
  if (walk.address === null) return false;
  const hosts = name === 'mx' ? await mailHosts(value, walk) : [value];
  for (const host of hosts) if (isWithin(walk.address, await addressesOf(host, walk), prefixes)) return true;
  return false;
}

/** More than ten void the record for whoever asks that far (RFC 7208 section 4.6.4). */
const LOOKUPS_MAX = 10;

function countLookup(walk: Walk): void {
  walk.lookups += 1;
  if (walk.lookups > LOOKUPS_MAX) throw new SpfEnd('permerror', `it needs more than ${LOOKUPS_MAX} lookups`);
}

/** The result of another domain's record; one that has none voids this one (RFC 7208 sections 5.2 and 6.1). */
async function follow(domain: string, walk: Walk): Promise<SpfResult> {
  walk.includes.add(domain.toLowerCase());
  const [record, ...more] = await spfRecords(domain, walk);
  if (record === undefined) throw new SpfEnd('permerror', `${domain} has no SPF record`);
  if (more.length > 0) throw new SpfEnd('permerror', `${domain} has ${more.length + 1} SPF records`);
  return evaluate(record, domain, walk);
}

async function mailHosts(domain: string, walk: Walk): Promise<string[]> {
  const records = await lookUp(() => walk.resolver.resolveMx(domain), domain, walk);
  if (records.length > LOOKUPS_MAX)
    throw new SpfEnd('permerror', `${domain} has more than ${LOOKUPS_MAX} mail hosts`);
  return records.map(({ exchange }) => exchange);
}

function addressesOf(host: string, walk: Walk): Promise<string[]> {
  const { resolver, address } = walk;
  return lookUp(
    () => (isIPv6(address ?? '') ? resolver.resolve6(host) : resolver.resolve4(host)),
    host,
    walk,
  );
}

function isWithin(
  address: string | null,
  networks: readonly string[],
  prefixes: Mechanism['prefixes'],
): boolean {
  if (address === null) return false;
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  for (const network of networks)
    if (isIPv6(network) === (family === 'ipv6')) list.addSubnet(network, prefixes[family], family);
  return list.check(address, family);
}

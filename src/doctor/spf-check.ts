/** The SPF record of a domain: read, judged for the way mail of this site goes, and the exact record to publish instead. */
import { BlockList, isIPv6 } from 'node:net';
import { fail, ok, warn } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import { readSpf, type SpfQuestion, type SpfReading, termsOf } from './spf.ts';
import type { Finding } from './types.ts';

export interface SpfCheck extends Omit<SpfQuestion, 'address'> {
  /** The public address that must be allowed, because this box hands mail to the MX itself; null where none must. */
  address: string | null;
  /** False in a national cloud: which record Microsoft wants there is not known to this box. */
  isWorldwide?: boolean;
}

/** What Microsoft 365 sends from, worldwide (Microsoft Learn: how to set up a multifunction device). */
const MICROSOFT = 'spf.protection.outlook.com';
/** How the same source ends a record: what fits nothing is doubtful. */
const END = '~all';

/** One finding, named `SPF of <domain>`. @throws AttemptAborted */
export async function examineSpf({ isWorldwide = true, ...check }: SpfCheck): Promise<Finding> {
  const address = check.address !== null && isPublic(check.address) ? check.address : null;
  const reading = await readSpf({ ...check, address });
  const wanted = [
    ...(address === null ? [] : [`ip${isIPv6(address) ? 6 : 4}:${address}`]),
    ...(isWorldwide ? [`include:${MICROSOFT}`] : []),
  ];
  return judge(check.domain, reading, { address, wanted });
}

interface Wanted {
  /** Must be allowed; null where none must, or none is known. */
  address: string | null;
  /** As terms of a record. */
  wanted: readonly string[];
}

function judge(domain: string, reading: SpfReading, { address, wanted }: Wanted): Finding {
  const name = `SPF of ${domain}`;
  const { records, result, detail, includes, open } = reading;
  const isMissing = (term: string) =>
    term.startsWith('include:') ? !includes.includes(MICROSOFT) : result !== 'pass' && open.length === 0;
  const missing = wanted.filter(isMissing);
  const published = recordWith(records, records.length === 0 ? wanted : missing);
  if (result === 'temperror') return warn(name, 'not read', PROBLEMS.spfUnreadable(domain, detail));
  if (result === 'none') return warn(name, 'none', PROBLEMS.spfMissing(domain, published));
  if (records.length > 1) return fail(name, detail, PROBLEMS.spfSeveral(domain, published), records);
  if (result === 'permerror') return fail(name, 'void', PROBLEMS.spfInvalid(domain, detail), records);
  if (records.some(isForAll))
    return warn(name, 'lets anybody send', PROBLEMS.spfForAll(domain, published), records);
  if (missing.includes(`include:${MICROSOFT}`))
    return warn(
      name,
      'without Microsoft 365',
      PROBLEMS.spfWithoutMicrosoft(domain, MICROSOFT, published),
      records,
    );
  if (address !== null && missing.length > 0)
    return warn(name, `without ${address}`, PROBLEMS.spfWithoutAddress(domain, address, published), records);
  return ok(name, allows(wanted, result === 'pass' ? [] : open), records);
}

function allows(wanted: readonly string[], open: readonly string[]): string {
  const names = wanted.map((term) => term.replace(/^(ip[46]|include):/, ''));
  const text = names.length === 0 ? 'in order' : `allows ${names.join(' and ')}`;
  return open.length === 0 ? text : `${text}; ${open.join(', ')} can't be judged without a message`;
}

function isForAll(record: string): boolean {
  return termsOf(record).some((term) => /^\+?all$/i.test(term));
}

/** The terms of all records in one, with `added` ahead of the end; a record that lets anybody send ends as Microsoft's does. */
function recordWith(records: readonly string[], added: readonly string[]): string {
  const given = [...new Set(records.flatMap(termsOf))];
  const isEnd = (term: string) => /^[-+~?]?all$/i.test(term) || /^redirect=/i.test(term);
  const end = given.filter((term) => isEnd(term) && !/^\+?all$/i.test(term)).at(-1) ?? END;
  const terms = [...given.filter((term) => !isEnd(term)), ...added];
  return ['v=spf1', ...new Set(terms), end].join(' ');
}

/** Networks of which no outside server sees an address (RFC 6890). */
const PRIVATE_NETWORKS: readonly [string, number, 'ipv4' | 'ipv6'][] = [
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
];

/** Whether an address can be seen from the internet. */
export function isPublic(address: string): boolean {
  const list = new BlockList();
  for (const [base, prefix, family] of PRIVATE_NETWORKS) list.addSubnet(base, prefix, family);
  return !list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

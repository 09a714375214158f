/**
 * Gives every address, host, domain and name of the site another name, the same one wherever it stands.
 *
 * First everything is read (`learn`), so that a name which one file gives away as such is found in every sentence of
 * the others; then everything is written (`apply`). What looks like a host name and is not known to be ours is taken
 * for one: too much is replaced rather than too little.
 */
import { isIP, isIPv4 } from 'node:net';
import { escapePattern } from './pattern.ts';

export interface Disguise {
  /** Reads a value of JSON: names stand below keys that hold names, addresses anywhere. */
  learn(value: unknown): void;
  /** Makes known what is a name though nothing about it says so. */
  learnName(kind: NameKind, name: string): void;
  /** The same value with every name replaced. */
  apply(value: unknown): unknown;
  /** Names replaced, by kind. */
  counts(): Record<string, number>;
}

export type NameKind = 'site' | 'device' | 'host' | 'domain' | 'user' | 'name' | 'id';

const LABEL = String.raw`[\p{L}\p{N}_](?:[\p{L}\p{N}_-]{0,61}[\p{L}\p{N}])?`;
const HOST = String.raw`(?:${LABEL}\.)+[\p{L}][\p{L}\p{N}-]{1,62}`;
const NO_WORD = String.raw`[\p{L}\p{N}_]`;

/** What names itself, the longest form first: the first that fits at a place is taken. */
const FORMS = [
  String.raw`(?<email>(?:"[^"\r\n]{1,64}"|[^\s"'<>()\[\],;:\\@]{1,128})@(?:${HOST}|\[[^\]\s]{1,64}\]|${LABEL}))`,
  `(?<uuid>(?<!${NO_WORD})[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?!${NO_WORD}))`,
  String.raw`(?<mac>(?<![\p{L}\p{N}:])[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![\p{L}\p{N}:]))`,
  String.raw`(?<ip>(?<![\p{L}\p{N}.:])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?|(?<![\p{L}\p{N}.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d))`,
  String.raw`(?<host>(?<!${NO_WORD})${HOST}(?![\p{L}\p{N}_-]))`,
] as const;

/** Names that everybody has, and that tell what a message speaks of. */
const EVERYBODYS_HOSTS = new Set([
  'smtp.office365.com',
  'outlook.office365.com',
  'smtp-legacy.office365.com',
  'smtp.hve.mx.microsoft',
  'login.microsoftonline.com',
  'login.microsoftonline.us',
  'login.partner.microsoftonline.cn',
  'outlook.office365.us',
  'partner.outlook.cn',
  'outlook.office.com',
  // Pages of ours that sentences name.
  'settings.md',
]);
/** Below these each tenant has a name of its own. */
const TENANT_SUFFIX =
  /\.(?:mail\.protection\.outlook\.com|mail\.protection\.partner\.outlook\.cn|mx\.microsoft|onmicrosoft\.com)$/i;
/** Names of files; none of these is a top-level domain. */
const FILE_NAME =
  /\.(?:cjs|conf|crt|csv|db|eml|html|js|json|jsonl|key|lock|log|node|pem|pub|sock|tmp|txt|yaml|yml)$/i;
/** A key of the config, such as `spool.maxBytes`. */
const CONFIG_KEY = /^[a-z]+(?:\.[a-z]+)*\.[a-z]+[A-Z][A-Za-z]*$/;
/** Codes and event names of ours stand below these keys. */
const CODE_KEYS = new Set(['event', 'code', 'type', 'room', 'verb', 'level', 'state', 'grade']);
const CODE = /^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*$/;

/** Keys of config, log, events and health whose text is a name as a whole. */
const NAME_KEYS: Record<string, NameKind> = {
  ...{
    site: 'site',
    hostname: 'host',
    host: 'host',
    server: 'host',
    ehlo: 'host',
    helo: 'host',
    exchange: 'host',
  },
  ...{ domain: 'domain', domains: 'domain', tenant: 'domain', device: 'device' },
  ...{ user: 'user', username: 'user', login: 'user', mailbox: 'user', clientId: 'id', by: 'user' },
};
/** Words that may stand there and name nobody. */
const NO_NAMES = new Set([
  'cli',
  'web',
  'mqtt',
  'home-assistant',
  'operator',
  'probe',
  'reload',
  'sighup',
  'unknown',
  'none',
  'localhost',
  'schedule',
  'timer',
]);
const NAME_MIN = 2;
/** Part of a domain that is a name by itself: `contoso` of contoso.com. */
const LABEL_MIN = 4;
const COMMON_LABELS = new Set([
  'mail',
  'smtp',
  'local',
  'localdomain',
  'example',
  'internal',
  'office',
  'exchange',
  'microsoft',
  'outlook',
  'onmicrosoft',
  'invalid',
]);

export function createDisguise(): Disguise {
  const given = new Map<string, string>();
  const numbers = new Map<string, number>();
  const names = new Map<string, NameKind>();
  let pattern: RegExp | null = null;

  function learnName(kind: NameKind, name: string): void {
    const key = name.toLowerCase();
    if (key.length < NAME_MIN || NO_NAMES.has(key) || isEverybodys(key) || /^\d+$/.test(key)) return;
    // Keys of readings hold ids with underscores (health/types.ts).
    for (const spelling of [key, key.replaceAll('-', '_')])
      if (!names.has(spelling)) names.set(spelling, kind);
    pattern = null;
  }

  function learnDomain(domain: string): void {
    if (isIP(domain) !== 0 || isEverybodys(domain) || isFile(domain)) return;
    learnName('domain', domain);
    const label = nameIn(domain.replace(TENANT_SUFFIX, '.x'));
    if (label !== null) learnName('name', label);
  }

  function learnText(text: string, key: string): void {
    for (const { groups } of text.matchAll(formsOnly)) {
      if (groups?.['email'] !== undefined) learnDomain(domainIn(groups['email']));
    }
    const kind = NAME_KEYS[key];
    if (kind === undefined || text.includes(' ') || text.includes('@') || isIP(text) !== 0) return;
    if (kind === 'domain') learnDomain(text);
    else learnName(kind, text);
  }

  function learn(value: unknown, key = ''): void {
    if (typeof value === 'string') learnText(value, key);
    else if (Array.isArray(value)) for (const item of value) learn(item, key);
    else if (isObject(value)) for (const [name, item] of Object.entries(value)) learn(item, name);
  }

  function give(kind: string, name: string): string {
    const key = `${kind} ${name.toLowerCase().replaceAll('_', '-')}`;
    const known = given.get(key);
    if (known !== undefined) return known;
    const number = (numbers.get(kind) ?? 0) + 1;
    numbers.set(kind, number);
    const made = `${kind}-${number}`;
    given.set(key, made);
    return made;
  }

  function disguiseEmail(email: string): string {
    const domain = domainIn(email);
    return `${give('person', email)}@${isIP(domain) === 0 ? disguiseHost(domain) : disguiseIp(domain)}`;
  }

  function disguiseHost(host: string): string {
    const suffix = TENANT_SUFFIX.exec(host)?.[0];
    if (suffix !== undefined) return `${give('tenant', host.slice(0, -suffix.length))}${suffix}`;
    if (isEverybodys(host)) return host;
    const key = host.toLowerCase();
    if (names.get(key) === 'domain') return `${give('domain', host)}.invalid`;
    const parent = [...names].find(([name, kind]) => kind === 'domain' && key.endsWith(`.${name}`))?.[0];
    return `${give('host', host)}.${parent === undefined ? '' : `${give('domain', parent)}.`}invalid`;
  }

  /** By the group of FORMS that has matched; a name where none has. */
  const byForm: Record<string, (word: string) => string> = {
    email: disguiseEmail,
    uuid: (word) => give('id', word),
    mac: (word) => give('mac', word),
    ip: (word) => (isIP(word) === 0 ? word : disguiseIp(word)),
    host: (word) => (isNoHost(word, names) ? disguiseNames(word) : disguiseHost(word)),
  };

  function disguiseWord(groups: Record<string, string | undefined>, word: string): string {
    const form = Object.keys(byForm).find((name) => groups[name] !== undefined);
    return form === undefined ? disguiseName(word) : (byForm[form]?.(word) ?? word);
  }

  function disguiseIp(address: string): string {
    if (isNobodys(address)) return address;
    return give(isPrivate(address) ? 'private-ip' : 'public-ip', address);
  }

  function disguiseName(name: string): string {
    const kind = names.get(name.toLowerCase()) ?? 'name';
    return kind === 'domain' || (kind === 'host' && name.includes('.'))
      ? disguiseHost(name)
      : give(kind, name);
  }

  const namesOnly = () => new RegExp(namesForm(names), 'giu');
  const disguiseNames = (text: string) => text.replace(namesOnly(), disguiseName);

  function disguiseText(text: string, key: string): string {
    if (CODE_KEYS.has(key) && CODE.test(text)) return text;
    pattern ??= new RegExp([...FORMS, namesForm(names)].join('|'), 'giu');
    return text.replace(pattern, (word: string, ...rest: unknown[]) => {
      // The last argument of a pattern with named groups is the groups (ECMA-262, RegExp.prototype[Symbol.replace]).
      return disguiseWord(rest.at(-1) as Record<string, string | undefined>, word);
    });
  }

  function apply(value: unknown, key = ''): unknown {
    if (typeof value === 'string') return disguiseText(value, key);
    if (Array.isArray(value)) return value.map((item) => apply(item, key));
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        isOurKey(name) ? name : disguiseText(name, ''),
        apply(item, name),
      ]),
    );
  }

  return {
    learn: (value) => learn(value),
    learnName,
    apply: (value) => apply(value),
    counts: () => Object.fromEntries(numbers),
  };
}

const formsOnly = new RegExp(FORMS.join('|'), 'giu');

/** Known names as whole words, the longest first; never empty. */
function namesForm(names: ReadonlyMap<string, NameKind>): string {
  const sorted = [...names.keys()].sort((a, b) => b.length - a.length).map((name) => escapePattern(name));
  return sorted.length === 0 ? '(?!)' : String.raw`(?<![\p{L}\p{N}])(?:${sorted.join('|')})(?![\p{L}\p{N}])`;
}

function domainIn(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1).replace(/^\[(?:IPv6:)?|\]$/gi, '');
}

function isEverybodys(host: string): boolean {
  return EVERYBODYS_HOSTS.has(host.toLowerCase());
}

function isFile(word: string): boolean {
  return FILE_NAME.test(word);
}

function isNoHost(word: string, names: ReadonlyMap<string, NameKind>): boolean {
  return !names.has(word.toLowerCase()) && (isFile(word) || CONFIG_KEY.test(word));
}

/** The label that the owner chose: before `com`, before `co.uk`. */
function nameIn(domain: string): string | null {
  const labels = domain.toLowerCase().split('.').slice(0, -1);
  const label = labels.findLast((each) => each.length >= LABEL_MIN && !COMMON_LABELS.has(each));
  return label ?? null;
}

/** Addresses that every machine has. */
function isNobodys(address: string): boolean {
  return /^(?:127\.|0\.0\.0\.0$|255\.)/.test(address) || ['::', '::1'].includes(address);
}

/** RFC 1918, 3927, 6598, 4193, 4291: which of both it is often explains a fault. */
function isPrivate(address: string): boolean {
  return isIPv4(address)
    ? /^(?:10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(
        address,
      )
    : /^(?:f[cd]|fe[89ab])/i.test(address);
}

/** Our own keys are plain words. */
function isOurKey(key: string): boolean {
  return /^[A-Za-z][A-Za-z_]*$/.test(key);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Reads session-*.txt of a profile: a device's dialogue, as docs/profiles.md describes it. Pure; no sockets. */
import * as z from 'zod';
import { evidenceOf } from './schema-evidence.ts';

const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];

/** One step of a dialogue, seen from the device. */
export type SessionStep =
  /** A line the device sends; CRLF is added. */
  | { kind: 'send'; text: string }
  /** Characters the device sends as they are, one byte each. */
  | { kind: 'send-raw'; text: string }
  /** A whole reply the device waits for. `holds` must stand in one of its lines, `lacks` in none. */
  | { kind: 'expect'; code: number; holds: string | null; lacks: string | null }
  /** TLS starts here; null leaves the versions to whoever replays it. */
  | { kind: 'tls'; mode: 'implicit' | 'starttls'; min: TlsVersion | null; max: TlsVersion | null }
  /** As many bytes of Base64 lines, for the body of a scan. */
  | { kind: 'filler'; bytes: number }
  | { kind: 'pause'; ms: number }
  /** The device drops the connection without QUIT. */
  | { kind: 'drop' }
  /** The device opens another connection. */
  | { kind: 'connect' };

export interface Session {
  /** What the dialogue shows, the first line of the file. */
  title: string;
  source: string;
  grade: string;
  date: string;
  /** Messages that the box must have accepted and delivered at the end. */
  delivers: number;
  steps: SessionStep[];
}

/** What a line may name between double braces. */
const SESSION_PLACEHOLDERS = [
  'deviceAddress',
  'boxName',
  'user',
  'password',
  'userBase64',
  'passwordBase64',
  'plainBase64',
  'cramMd5Base64',
  'from',
  'recipient',
] as const;

const SESSION_BYTES_MAX = 64 * 1024;
const STEPS_MAX = 500;
const FILLER_BYTES_MAX = 8 * 1024 * 1024;
const PAUSE_MS_MAX = 60_000;

const headSchema = z.strictObject({
  ...evidenceOf('Where the dialogue was seen.'),
  delivers: z.coerce.number().int().min(0).max(20).default(1),
});

/** Reads a file; returns the session, or what is wrong with its line. */
export function parseSession(text: string): { session: Session } | { fault: string } {
  if (text.length > SESSION_BYTES_MAX) return { fault: `is longer than ${SESSION_BYTES_MAX / 1024} KiB` };
  const lines = text.split(/\r?\n/);
  const comments = lines.filter((line) => line.startsWith('#')).map((line) => line.slice(1).trim());
  const head = readHead(comments);
  if ('fault' in head) return head;
  const steps: SessionStep[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('#') || line.trim() === '') continue;
    const step = readStep(line);
    if (typeof step === 'string') return { fault: `line ${index + 1} ${step}` };
    steps.push(step);
  }
  if (steps.length === 0) return { fault: 'holds no step' };
  if (steps.length > STEPS_MAX) return { fault: `holds more than ${STEPS_MAX} steps` };
  return { session: { title: comments[0] ?? '', ...head, steps } };
}

type Head = z.output<typeof headSchema>;

function readHead([title, ...rest]: string[]): Head | { fault: string } {
  if (title === undefined || title === '') return { fault: 'does not begin with # and what it shows' };
  const fields = rest.flatMap((line) => {
    const match = /^(source|grade|date|delivers):\s*(.*)$/.exec(line);
    return match === null ? [] : [[match[1], match[2]]];
  });
  const parsed = headSchema.safeParse(Object.fromEntries(fields));
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => {
    const isMissing = message.endsWith('received undefined');
    return `# ${path.join('.')}:${isMissing ? '' : ` (${message})`}`;
  });
  return { fault: `its head lacks or misspells ${wrong.join(' and ')}` };
}

/** Returns the step of a line, or what is wrong with it. */
function readStep(line: string): SessionStep | string {
  const match = /^([CRSTFPXN]):(?: (.*))?$/.exec(line);
  if (match === null) return 'does not begin with C:, R:, S:, T:, F:, P:, X: or N:';
  const [, verb, rest = ''] = match;
  const unknown = [...rest.matchAll(/\{\{(.*?)\}\}/g)].find(([, name]) => !isPlaceholder(name));
  if (unknown !== undefined) return `names ${unknown[0]}, which nothing fills`;
  switch (verb) {
    case 'C':
      return { kind: 'send', text: rest };
    case 'R':
      return readRaw(rest);
    case 'S':
      return readExpect(rest);
    case 'T':
      return readTls(rest);
    case 'F':
      return readNumber(rest, FILLER_BYTES_MAX, (bytes) => ({ kind: 'filler', bytes }));
    case 'P':
      return readNumber(rest, PAUSE_MS_MAX, (ms) => ({ kind: 'pause', ms }));
    case 'X':
      return { kind: 'drop' };
    default:
      return { kind: 'connect' };
  }
}

function isPlaceholder(name: string | undefined): boolean {
  return SESSION_PLACEHOLDERS.some((known) => known === name);
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', 0: '\0', '\\': '\\' };

function readRaw(text: string): SessionStep | string {
  if (/\\(?![rnt0\\]|x[0-9a-f]{2})/i.test(text.replaceAll('\\\\', ''))) {
    return 'holds an escape other than \\r \\n \\t \\0 \\\\ and \\xHH';
  }
  const plain = text.replace(/\\(?:x([0-9a-f]{2})|([rnt0\\]))/gi, (_, hex?: string, letter?: string) =>
    hex === undefined ? (ESCAPES[letter ?? ''] ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return { kind: 'send-raw', text: plain };
}

function readExpect(text: string): SessionStep | string {
  const match = /^([2-5]\d\d)(?: (!?)(\S.*))?$/.exec(text);
  if (match === null) return 'does not name a reply code';
  const [, code, not, words] = match;
  const isAbsent = not === '!';
  return {
    kind: 'expect',
    code: Number(code),
    holds: words === undefined || isAbsent ? null : words,
    lacks: words !== undefined && isAbsent ? words : null,
  };
}

function readTls(text: string): SessionStep | string {
  const [mode, min, max, ...more] = text.split(/\s+/);
  if ((mode !== 'implicit' && mode !== 'starttls') || more.length > 0) {
    return 'does not say T: implicit or T: starttls, with at most a lowest and a highest version';
  }
  const versions = [min, max].map((name) =>
    name === undefined ? null : TLS_VERSIONS.find((v) => v === name),
  );
  const [lowest, highest] = versions;
  if (lowest === undefined || highest === undefined)
    return `names a TLS version other than ${TLS_VERSIONS.join(', ')}`;
  return { kind: 'tls', mode, min: lowest, max: highest };
}

function readNumber(text: string, max: number, make: (value: number) => SessionStep): SessionStep | string {
  const value = /^\d{1,8}$/.test(text) ? Number(text) : Number.NaN;
  return value >= 1 && value <= max ? make(value) : `does not hold a number from 1 to ${max}`;
}

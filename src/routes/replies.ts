/**
 * The table that reads replies, and the function that applies it. The first row that fits is taken, so the most
 * specific rows stand first; the last one fits everything, because what nobody classified is tried again.
 */
import { assert } from '../core/assert.ts';
import type { Explanation } from '../core/errors.ts';
import type { Reply } from '../core/outcome.ts';
import { enhancedCodes } from './reply.ts';
import type { ReplyAction, ReplyPattern, ReplyRow, ReplyScope, ReplyStage } from './reply-row.ts';
import { GENERAL_ROWS } from './reply-rows-general.ts';
import { LIMIT_ROWS } from './reply-rows-limits.ts';
import { RELAY_ROWS } from './reply-rows-relay.ts';
import { SIGN_IN_ROWS } from './reply-rows-sign-in.ts';
import type { RouteKind } from './types.ts';

export const REPLY_TABLE: readonly ReplyRow[] = [
  ...SIGN_IN_ROWS,
  ...LIMIT_ROWS,
  ...RELAY_ROWS,
  ...GENERAL_ROWS,
];

/** What a reply means. */
export interface Verdict {
  action: ReplyAction;
  scope: ReplyScope;
  why: Explanation;
  retryAfterMs: number | null;
  /** The cure needs the address that the other side saw. */
  tellsAddress: boolean;
  tellsSize: boolean;
  sparesOwnDomains: boolean;
}

/** Reads a negative or unreadable reply; pure. */
export function classify(reply: Reply, stage: ReplyStage, kind: RouteKind): Verdict {
  const row = REPLY_TABLE.find((candidate) => rowFits(candidate, reply, stage, kind));
  assert(row !== undefined, 'the last row of the reply table fits every reply');
  return {
    action: row.action,
    scope: row.scope,
    why: { code: `reply.${row.id}`, cause: row.cause, advice: row.advice },
    retryAfterMs: row.retryAfterMs ?? null,
    tellsAddress: row.tellsAddress ?? false,
    tellsSize: row.tellsSize ?? false,
    sparesOwnDomains: row.sparesOwnDomains ?? false,
  };
}

function rowFits(row: ReplyRow, reply: Reply, stage: ReplyStage, kind: RouteKind): boolean {
  if (row.stages !== undefined && !row.stages.includes(stage)) return false;
  if (row.kinds !== undefined && !row.kinds.includes(kind)) return false;
  return row.when.some((pattern) => patternFits(pattern, reply));
}

function patternFits(pattern: ReplyPattern, reply: Reply): boolean {
  return (
    codeFits(pattern.codes, reply.code) &&
    enhancedFits(pattern.enhanced, reply) &&
    (pattern.text === undefined || pattern.text.test(asOneLine(reply.text)))
  );
}

/** Where a sentence goes on in the next line, its code comes in between. */
function asOneLine(text: string): string {
  return text.replace(/ ?\n\d{3}[ -](?:\d\.\d{1,3}\.\d{1,3} )?/g, ' ');
}

function codeFits(codes: ReplyPattern['codes'], code: number): boolean {
  if (codes === undefined) return true;
  if (codes === '4xx') return code >= 400 && code < 500;
  if (codes === '5xx') return code >= 500 && code < 600;
  return codes.includes(code);
}

/** Each line of a reply may have a code of its own, or none (RFC 2034 section 4 wants the same on all). */
function enhancedFits(allowed: readonly string[] | undefined, { enhanced, text }: Reply): boolean {
  if (allowed === undefined) return true;
  const codes = enhanced === null ? enhancedCodes(text) : [enhanced, ...enhancedCodes(text)];
  return codes.some((code) => allowed.some((entry) => enhancedInRange(entry, code)));
}

function enhancedInRange(entry: string, enhanced: string): boolean {
  const range = /^(\d\.\d+\.)(\d+)-(\d+)$/.exec(entry);
  if (range === null) return entry === enhanced;
  const [, prefix = '', first = '', last = ''] = range;
  if (!enhanced.startsWith(prefix)) return false;
  const detail = Number(enhanced.slice(prefix.length));
  return detail >= Number(first) && detail <= Number(last);
}

/** The table as markdown rows, for the generated documentation. */
export function renderReplyTable(): string {
  const head = [
    '| Code | Reply | Stage | Action | Cause | What to do | Source |',
    '|---|---|---|---|---|---|---|',
  ];
  return [...head, ...REPLY_TABLE.map(renderRow)].join('\n');
}

function renderRow(row: ReplyRow): string {
  const cells = [
    `\`reply.${row.id}\``,
    row.when.map(renderPattern).join('<br>'),
    `${row.stages?.join(', ') ?? 'any'}${row.kinds === undefined ? '' : ` (${row.kinds.join(', ')})`}`,
    `${row.action} (${row.scope})`,
    row.cause,
    row.advice,
    row.source,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function renderPattern(pattern: ReplyPattern): string {
  const codes = typeof pattern.codes === 'string' ? pattern.codes : pattern.codes?.join(', ');
  const text = pattern.text === undefined ? undefined : `\`${pattern.text.source}\``;
  const parts = [codes, pattern.enhanced?.join(', '), text].filter((part) => part !== undefined);
  return parts.length === 0 ? 'anything else' : parts.join(' and ');
}

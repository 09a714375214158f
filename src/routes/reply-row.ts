/** The shape of one row of the reply table. */
import { MINUTE_MS as MINUTE } from '../core/durations.ts';
import type { RouteKind } from './types.ts';

/** Where in the dialogue a reply came; `final` is the answer to the final dot. */
const REPLY_STAGES = [
  'connect',
  'ehlo',
  'starttls',
  'auth',
  'mail',
  'rcpt',
  'data',
  'final',
] as const satisfies readonly string[];
export type ReplyStage = (typeof REPLY_STAGES)[number];

/**
 * What the agent does: `back-off` tries again later, `pause` stops the route until it is healed, `fix` is a
 * pause whose cause is in a configuration, `hold` keeps the message for a person, `fail` gives up, `split`
 * sends the refused recipients in an envelope of their own.
 */
export type ReplyAction = 'back-off' | 'pause' | 'hold' | 'fail' | 'fix' | 'split';

/** Whom the reply is about. */
export type ReplyScope = 'recipient' | 'message' | 'route';

/** All given parts must fit. An enhanced code is exact, or a range of its last number: `4.7.500-699`. */
export interface ReplyPattern {
  codes?: readonly number[] | '4xx' | '5xx';
  enhanced?: readonly string[];
  text?: RegExp;
}

export interface ReplyRow {
  /** Stable; the explanation code is `reply.<id>`. */
  id: string;
  /** Only at these stages; left out, at any. */
  stages?: readonly ReplyStage[];
  /** Only on these kinds of route; left out, on all. */
  kinds?: readonly RouteKind[];
  /** One of these must fit. */
  when: readonly [ReplyPattern, ...ReplyPattern[]];
  action: ReplyAction;
  scope: ReplyScope;
  /** At least this long a pause. On a paused route it also says that waiting heals it. */
  retryAfterMs?: number;
  /** The cause names the address that the other side saw, because the cure needs it. */
  tellsAddress?: true;
  /** The cause names the size of the message and the limit of the route. */
  tellsSize?: true;
  /** Recipients in the tenant's own domains are not meant: they go on, and the route pauses for all others. */
  sparesOwnDomains?: true;
  cause: string;
  advice: string;
  source: string;
}

/** Pauses the table asks for, in milliseconds. */
export const PAUSES = {
  /** Microsoft counts submission per minute (smtp-submission-improvements). */
  rate: MINUTE,
  /** Greylisting lasts minutes; asking sooner prolongs it. */
  busy: 15 * MINUTE,
  /** A reputation or relay decision changes slowly. */
  slow: 30 * MINUTE,
  /** Daily quotas are sliding windows of 24 h, so part of one is free again each hour. */
  quota: 60 * MINUTE,
} as const;

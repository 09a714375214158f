/** Metrics of the spool: how much waits, since when, and how much room is left. */
import { HOUR_MS } from '../core/durations.ts';
import { LIMITS } from '../core/limits.ts';
import type { SpoolStats } from '../spool/types.ts';
import { type Family, family, from, type Rule, type Verdict, when } from './metric.ts';
import { PROBLEMS } from './problems.ts';
import { countWords, durationWords } from './words.ts';

export interface SpoolSeen {
  stats: SpoolStats;
  /** Age of the oldest waiting message; null where there is none, or the clock can't be believed. */
  oldestAgeMs: number | null;
  maxAgeMs: number;
  /** Recipients that failed in the last 24 hours. */
  failedLately: number;
}

/** A scan is expected within minutes; a mailbox that is throttled or an outage of an hour is told. */
const OLD_WARN_MAX_MS = HOUR_MS;
/** Shares of the age at which a message fails for good: there must be time left to act. */
const OLD_WARN_SHARE = 1 / 8;
const OLD_FAIL_SHARE = 1 / 4;

const oldest: Rule<SpoolSeen> = {
  words: 'warn from 1 hour (or an eighth of spool.maxAgeHours, if less), fail from a quarter of it',
  judge(_, seen): Verdict | null {
    const ageMs = seen.oldestAgeMs ?? 0;
    const why = PROBLEMS.queueOld(durationWords(ageMs));
    if (ageMs >= seen.maxAgeMs * OLD_FAIL_SHARE) return { grade: 'fail', why };
    return ageMs >= Math.min(OLD_WARN_MAX_MS, seen.maxAgeMs * OLD_WARN_SHARE) ? { grade: 'warn', why } : null;
  },
};

const failedLately: Rule<SpoolSeen> = {
  words: 'warn while there are any that can still be retried',
  judge: (value, { stats }) =>
    Number(value) > 0 && stats.recipients.failed > 0
      ? { grade: 'warn', why: PROBLEMS.messagesFailed(countWords(Number(value), 'recipient')) }
      : null,
};

export const SPOOL_FAMILY: Family<SpoolSeen> = family('spool', null, [
  {
    name: 'spool_waiting_count',
    unit: 'count',
    help: 'Recipients that wait for an attempt, or are being sent to.',
    value: ({ stats: { recipients } }) => recipients.queued + recipients.deferred + recipients.sending,
  },
  {
    name: 'spool_oldest_age_s',
    unit: 's',
    help: 'How long the oldest waiting message has waited; 0 when none does.',
    value: ({ oldestAgeMs, stats }) => {
      if (oldestAgeMs === null) return stats.oldestPendingAt === null ? 0 : null;
      return Math.floor(oldestAgeMs / 1000);
    },
    rule: oldest,
  },
  {
    name: 'spool_held_count',
    unit: 'count',
    help: 'Recipients that wait for a person to decide.',
    value: ({ stats }) => stats.recipients.held,
    rule: from({ warn: 1 }, (count) => PROBLEMS.messagesHeld(countWords(count, 'recipient'))),
  },
  {
    name: 'spool_failed_count',
    unit: 'count',
    help: 'Recipients in the history that were not delivered and will not be tried again.',
    value: ({ stats }) => stats.recipients.failed,
  },
  {
    name: 'spool_failed_24h_count',
    unit: 'count',
    help: 'Recipients that failed for good in the last 24 hours.',
    value: (seen) => seen.failedLately,
    rule: failedLately,
  },
  {
    name: 'spool_delivered_count',
    unit: 'count',
    help: 'Recipients in the history that were delivered.',
    value: ({ stats }) => stats.recipients.delivered,
  },
  {
    name: 'spool_uncertain_count',
    unit: 'count',
    help: 'Attempts in the history whose last reply was lost: a message may have arrived twice.',
    value: ({ stats }) => stats.uncertainAttempts,
  },
  {
    name: 'spool_database_bytes',
    unit: 'bytes',
    help: 'Size of the database file.',
    value: ({ stats }) => stats.databaseBytes,
  },
  {
    name: 'spool_body_bytes',
    unit: 'bytes',
    help: 'Bodies that are kept, in bytes.',
    value: ({ stats }) => stats.bodyBytes,
  },
  {
    name: 'spool_quota_used_percent',
    unit: 'percent',
    help: 'Share of spool.maxBytes that bodies take.',
    value: ({ stats }) => percent(stats.bodyBytes, stats.maxBytes),
    rule: from({ warn: 70, fail: 95 }, (value) => PROBLEMS.quotaNearlyFull(String(value))),
  },
  {
    name: 'spool_held_share_percent',
    unit: 'percent',
    help: 'Share of the room for messages that wait for a person which is taken.',
    value: ({ stats }) => percent(stats.heldBytes, stats.maxBytes * LIMITS.spoolHeldShareMax),
    rule: from({ warn: 80 }, (value) => PROBLEMS.heldShareNearlyFull(String(value))),
  },
  {
    name: 'spool_accepting',
    unit: 'bool',
    help: 'Whether a new message would be accepted.',
    value: ({ stats }) => stats.refusal === null,
    rule: when(false, 'fail', ({ stats }) => PROBLEMS.notAccepting(stats.refusal?.cause ?? '')),
  },
]);

function percent(part: number, whole: number): number {
  return whole > 0 ? Math.round((1000 * part) / whole) / 10 : 0;
}

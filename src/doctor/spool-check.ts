/** The spool: durable, in order, with room left, and nothing in it for too long; graded as health does. */
import { HOUR_MS } from '../core/durations.ts';
import { FAMILIES } from '../health/index.ts';
import type { Reading } from '../health/types.ts';
import { bytesWords, countWords, durationWords } from '../health/words.ts';
import { PROBLEMS as SPOOL_PROBLEMS } from '../spool/problems.ts';
import type { MessageSummary, SpoolInspection, SpoolStats } from '../spool/types.ts';
import { fail, graded, ok, warn } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import type { Check, CheckContext, Finding, RunningAgent } from './types.ts';

export const SPOOL_CHECKS: readonly Check[] = [{ group: 'spool', name: 'spool', run: checkSpool }];

async function* checkSpool(context: CheckContext): AsyncGenerator<Finding> {
  const { agent, config } = context;
  if (agent !== null) {
    const stats = await agent.spool.stats();
    yield* judge(await agent.spool.inspect(), stats, context);
    if (stats.recipients.held > 0)
      yield* heldCauses(await agent.spool.list({ states: ['held'] }, HELD_PAGE), agent.adviceFor);
    return;
  }
  // Without a config nobody knows how much the spool may hold, and the config is told to be wrong already.
  if (config === null) return;
  const stopped = await context.stoppedSpool(config);
  if (stopped === null) yield ok('spool', 'none yet; the first start makes it');
  else if ('damage' in stopped) yield fail('integrity', 'damaged', PROBLEMS.spoolDamaged(stopped.damage));
  else yield* judge(stopped.inspection, stopped.stats, context);
}

function* judge(inspection: SpoolInspection, stats: SpoolStats, context: CheckContext): Generator<Finding> {
  yield judgeDurability(inspection);
  const { trouble } = inspection;
  yield trouble === null
    ? ok('integrity', 'every table and index in order')
    : fail('integrity', 'damaged', PROBLEMS.spoolDamaged(trouble));
  const ageMs = oldestAgeMs(stats, context);
  const maxAgeMs = (context.config?.spool.maxAgeHours ?? Number.POSITIVE_INFINITY) * HOUR_MS;
  const readings = FAMILIES.spool.read({ stats, oldestAgeMs: ageMs, maxAgeMs, failedLately: 0 }, null);
  for (const row of ROWS) {
    const troubles = readings.flatMap((reading) => troubleOf(row, reading, stats, ageMs));
    if (troubles.length > 0) yield* troubles;
    else yield ok(row.name, row.text(stats, ageMs));
  }
}

function oldestAgeMs({ oldestPendingAt }: SpoolStats, { clock }: CheckContext): number | null {
  return oldestPendingAt === null || !clock.isSet() ? null : Math.max(0, clock.now() - oldestPendingAt);
}

/** `synchronous` as SQLite counts it: a commit waits until the disk has it. */
const FULL = 2;

function judgeDurability({ synchronous, journalMode }: SpoolInspection): Finding {
  if (synchronous !== FULL)
    return fail('durability', `synchronous ${synchronous}`, SPOOL_PROBLEMS.notDurable(synchronous));
  return ok('durability', `every commit waits for the disk (synchronous FULL, journal ${journalMode})`);
}

interface SpoolRow {
  name: string;
  /** Metrics of health that speak of it. */
  metrics: readonly string[];
  text(stats: SpoolStats, ageMs: number | null): string;
}

const ROWS: readonly SpoolRow[] = [
  {
    name: 'room',
    metrics: ['spool_quota_used_percent', 'spool_held_share_percent', 'spool_accepting'],
    text: ({ bodyBytes, maxBytes }) => `${bytesWords(bodyBytes)} of ${bytesWords(maxBytes)} used`,
  },
  {
    name: 'waiting',
    metrics: ['spool_oldest_age_s'],
    text({ recipients: { queued, sending, deferred } }, ageMs) {
      const waiting = countWords(queued + sending + deferred, 'recipient');
      return ageMs === null ? 'nothing waits' : `${waiting}, the oldest for ${durationWords(ageMs)}`;
    },
  },
  {
    name: 'held',
    metrics: ['spool_held_count'],
    text: ({ recipients: { failed } }) =>
      failed === 0
        ? 'nothing waits for a person'
        : `nothing; ${countWords(failed, 'recipient')} in the history failed`,
  },
];

function troubleOf(
  row: SpoolRow,
  { metric, grade, why }: Reading,
  stats: SpoolStats,
  ageMs: number | null,
): Finding[] {
  if (!row.metrics.includes(metric.name) || grade === 'ok' || why === null) return [];
  const text = row.name === 'held' ? countWords(stats.recipients.held, 'recipient') : row.text(stats, ageMs);
  return [graded(grade, { name: row.name, text, why })];
}

/** Enough to name what keeps mail back; the queue shows all. */
const HELD_PAGE = { limit: 100, before: null };

const HELD_ADVICE = 'Look at them with `scanferry queue list --state held`, then release or cancel them.';

/** Why messages are held, each cause once: some refusals show only at the end of a message, so nobody can ask for them. */
function* heldCauses(
  messages: readonly MessageSummary[],
  adviceFor: RunningAgent['adviceFor'],
): Generator<Finding> {
  const held = messages.flatMap(({ recipients }) => recipients.filter(({ state }) => state === 'held'));
  for (const [code, recipients] of Map.groupBy(held, (recipient) => recipient.code ?? '')) {
    const cause = recipients[0]?.cause ?? null;
    if (cause === null) continue;
    const advice = adviceFor(code) ?? HELD_ADVICE;
    yield warn('held because', countWords(recipients.length, 'recipient'), { code, cause, advice });
  }
}

/** Metrics of the agent itself: version, starts, memory, and whether it answers in time. */
import { type Family, family, from, when } from './metric.ts';
import { PROBLEMS } from './problems.ts';
import { bytesWords, countWords, durationWords } from './words.ts';

export interface AgentSeen {
  version: string;
  uptimeMs: number;
  /** Starts in the last 24 hours, this one included. */
  startsLately: number;
  /** The latest start was within a day, and the run before it ended without a clean stop. */
  wasUnclean: boolean;
  /** Longest time since the last look for which the event loop did not run; null before the first. */
  loopLagMs: number | null;
  cpuPercent: number | null;
  rssBytes: number;
  /** Parts of health that could not be looked at. */
  unreadable: string[];
}

/** Devices wait that long for a reply: a person notices. Past ten seconds some give up. */
const LAG_BOUNDS_MS = { warn: 1000, fail: 10_000 };
/** Measured under full load: below 150 MB; docs/performance.md. */
const RSS_WARN_BYTES = 512 * 1024 ** 2;

export const AGENT_FAMILY: Family<AgentSeen> = family('agent', null, [
  {
    name: 'agent_version_state',
    unit: 'state',
    help: 'Version of Scanferry.',
    value: ({ version }) => version,
  },
  {
    name: 'agent_uptime_s',
    unit: 's',
    help: 'Time since the agent was started.',
    value: ({ uptimeMs }) => Math.floor(uptimeMs / 1000),
  },
  {
    name: 'agent_starts_24h_count',
    unit: 'count',
    help: 'Starts of the agent in the last 24 hours.',
    value: ({ startsLately }) => startsLately,
    rule: from({ warn: 5 }, (count) => PROBLEMS.restartsMany(countWords(count, 'time'))),
  },
  {
    name: 'agent_unclean_stop',
    unit: 'bool',
    help: 'Whether the run before the latest start, within a day, ended without a clean stop.',
    value: ({ wasUnclean }) => wasUnclean,
    rule: when(true, 'warn', PROBLEMS.uncleanStop),
  },
  {
    name: 'agent_event_loop_lag_ms',
    unit: 'ms',
    help: 'Longest time since the last look for which the agent could not answer.',
    value: ({ loopLagMs }) => (loopLagMs === null ? null : Math.round(loopLagMs)),
    rule: from(LAG_BOUNDS_MS, (lagMs) => PROBLEMS.loopSlow(durationWords(lagMs))),
  },
  {
    name: 'agent_cpu_percent',
    unit: 'percent',
    help: 'CPU time the agent took since the last look, in percent of one core.',
    value: ({ cpuPercent }) => (cpuPercent === null ? null : Math.round(cpuPercent * 100) / 100),
  },
  {
    name: 'agent_rss_bytes',
    unit: 'bytes',
    help: 'Memory the agent takes.',
    value: ({ rssBytes }) => rssBytes,
    rule: from({ warn: RSS_WARN_BYTES }, (bytes) => PROBLEMS.memoryHungry(bytesWords(bytes))),
  },
  {
    name: 'agent_unreadable_state',
    unit: 'state',
    help: 'Parts of health that could not be looked at the last time.',
    value: ({ unreadable }) => (unreadable.length === 0 ? null : unreadable.join(', ')),
    rule: {
      words: 'warn when there is any',
      judge: (parts) => ({ grade: 'warn', why: PROBLEMS.unreadable(String(parts)) }),
    },
  },
]);

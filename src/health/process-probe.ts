/** The agent's own process: CPU time, memory, and how long its event loop stood still. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../core/clock.ts';

export interface ProcessFacts {
  loopLagMs: number | null;
  cpuPercent: number | null;
  rssBytes: number;
}

export interface ProcessProbe {
  start(): void;
  stop(): void;
  /** @param isWhole begins a new span of time for lag and CPU; else those of the running span stay as they are. */
  look(isWhole: boolean): ProcessFacts;
}

/** Ten wake-ups a second cost nothing that can be measured, and a pause longer than this is seen for certain. */
const RESOLUTION_MS = 100;
/** A shorter time says nothing of the CPU. */
const RATE_MIN_MS = 1000;

export function createProcessProbe(clock: Clock): ProcessProbe {
  let histogram: ReturnType<typeof monitorEventLoopDelay> | null = null;
  let before: { at: number; micros: number } | null = null;
  let cpuPercent: number | null = null;
  let loopLagMs: number | null = null;

  function readLag(): number | null {
    if (histogram === null || histogram.count === 0) return loopLagMs;
    // It counts from one tick to the next, the time between them included.
    const lagMs = Math.max(0, histogram.max / 1e6 - RESOLUTION_MS);
    histogram.reset();
    return lagMs;
  }

  function readCpu(): number | null {
    const { user, system } = process.cpuUsage();
    const now = { at: clock.monotonicMs(), micros: user + system };
    const overMs = before === null ? 0 : now.at - before.at;
    if (before !== null && overMs < RATE_MIN_MS) return cpuPercent;
    const percent = before === null ? null : ((now.micros - before.micros) / 1000 / overMs) * 100;
    before = now;
    return percent;
  }

  return {
    start() {
      histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      histogram.enable();
    },
    stop() {
      histogram?.disable();
      histogram = null;
    },
    look(isWhole) {
      if (isWhole) loopLagMs = readLag();
      if (isWhole) cpuPercent = readCpu();
      return { loopLagMs, cpuPercent, rssBytes: process.memoryUsage.rss() };
    },
  };
}

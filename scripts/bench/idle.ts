/** What a subject uses while nothing happens. */
import { setTimeout as pause } from 'node:timers/promises';
import { readUsage } from './process-tree.ts';

/** After it the garbage of a start has been collected (LIMITS.startSettledMs), V8 has looked for more, and the agent rests. */
export const REST_MS = 45_000;

export interface IdleFigures {
  residentBytes: number;
  anonymousBytes: number;
  /** Share of one core. */
  cpuShare: number;
  writtenBytes: number;
}

export async function measureIdle(pid: number, ms: number): Promise<IdleFigures> {
  const before = readUsage(pid);
  const begun = performance.now();
  await pause(ms);
  const after = readUsage(pid);
  const { residentBytes, anonymousBytes } = after;
  return {
    residentBytes,
    anonymousBytes,
    cpuShare: (after.cpuMs - before.cpuMs) / (performance.now() - begun),
    writtenBytes: after.writtenBytes - before.writtenBytes,
  };
}

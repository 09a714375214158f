/** One load through one subject, from the first connection to the last message at the upstream. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Load, sendLoad } from './load.ts';
import { readUsage, watchMemory } from './process-tree.ts';
import type { Upstream } from './upstream.ts';

export interface Figures {
  acceptedPerSecond: number;
  relayedPerSecond: number;
  cpuMsPerMessage: number;
  /** Highest anonymous memory during the load, less that of the idle subject at its start. */
  memoryBytes: number;
  /** Highest resident memory during the load; pages shared between processes count once per process. */
  residentBytes: number;
  /** Bytes written to the disk per byte of the messages. */
  writtenPerByte: number;
}

/** No load takes longer; one that does is a finding of its own. */
const LIMIT_MS = 120_000;
/** What follows the last message, records and logs, is part of the work. */
const AFTER_MS = 400;

export async function measure(
  subject: { pid: number; port: number; idleBytes: number },
  load: Load,
  upstream: Upstream,
): Promise<Figures> {
  const before = readUsage(subject.pid);
  const memory = watchMemory(subject.pid);
  const arrived = upstream.received();
  const begun = performance.now();
  try {
    const [acceptedAt, relayedAt] = await Promise.all([
      sendLoad(subject.port, load, LIMIT_MS).then(() => performance.now()),
      upstream.waitFor(arrived + load.messages, LIMIT_MS),
    ]);
    await pause(AFTER_MS);
    const after = readUsage(subject.pid);
    const peak = memory.stop();
    return {
      acceptedPerSecond: perSecond(load.messages, acceptedAt - begun),
      relayedPerSecond: perSecond(load.messages, relayedAt - begun),
      cpuMsPerMessage: (after.cpuMs - before.cpuMs) / load.messages,
      memoryBytes: peak.anonymousBytes - subject.idleBytes,
      residentBytes: peak.residentBytes,
      writtenPerByte: (after.writtenBytes - before.writtenBytes) / (load.messages * load.bytes),
    };
  } finally {
    memory.stop();
  }
}

/** Each figure's median over several rounds of the same load. */
export function medianOf(rounds: readonly Figures[]): Figures {
  const median = (name: keyof Figures) => {
    const sorted = rounds.map((figures) => figures[name]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  return {
    acceptedPerSecond: median('acceptedPerSecond'),
    relayedPerSecond: median('relayedPerSecond'),
    cpuMsPerMessage: median('cpuMsPerMessage'),
    memoryBytes: median('memoryBytes'),
    residentBytes: median('residentBytes'),
    writtenPerByte: median('writtenPerByte'),
  };
}

function perSecond(count: number, ms: number): number {
  return (count / ms) * 1000;
}

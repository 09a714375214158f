/** The memory of the agent over the size of scans: eight at once of each size, through an agent that did nothing before. */
import { setTimeout as pause } from 'node:timers/promises';
import { startAgent } from './agent-subject.ts';
import { REST_MS } from './idle.ts';
import { sendLoad } from './load.ts';
import { type Memory, readUsage, watchMemory } from './process-tree.ts';
import type { Place } from './subject.ts';
import type { Upstream } from './upstream.ts';

const MIB = 1024 * 1024;
const SIZES_MIB = [1, 5, 25, 100];
const CONNECTIONS = 8;
/** Each connection sends as many, so that the young generation fills. */
const MESSAGES_EACH = 2;
const LIMIT_MS = 240_000;

interface Point {
  sizeMib: number;
  idle: Memory;
  peak: Memory;
}

/** A Markdown table. `place` gives a folder of its own for each agent. */
export async function measureMemoryCurve(
  place: (name: string) => Place,
  upstream: Upstream,
): Promise<string> {
  const rows: string[] = [];
  for (const sizeMib of SIZES_MIB) rows.push(rowOf(await measureSize(sizeMib, { place, upstream })));
  const header = '| 8 scans at once, each of | idle | at most | above idle | anonymous above idle |';
  return [header, '|---|---|---|---|---|', ...rows].join('\n');
}

async function measureSize(
  sizeMib: number,
  { place, upstream }: { place(name: string): Place; upstream: Upstream },
): Promise<Point> {
  const agent = await startAgent(place(`memory-${sizeMib}`));
  try {
    await pause(REST_MS);
    const idle = readUsage(agent.pid);
    const memory = watchMemory(agent.pid);
    const load = { messages: CONNECTIONS * MESSAGES_EACH, connections: CONNECTIONS, bytes: sizeMib * MIB };
    const arrived = upstream.received();
    try {
      await Promise.all([
        sendLoad(agent.port, load, LIMIT_MS),
        upstream.waitFor(arrived + load.messages, LIMIT_MS),
      ]);
    } finally {
      memory.stop();
    }
    return { sizeMib, idle, peak: memory.stop() };
  } finally {
    await agent.stop();
  }
}

function rowOf({ sizeMib, idle, peak }: Point): string {
  const mib = (bytes: number) => `${(bytes / MIB).toFixed(0)} MiB`;
  const above = mib(peak.residentBytes - idle.residentBytes);
  const anonymous = mib(peak.anonymousBytes - idle.anonymousBytes);
  return `| ${sizeMib} MiB | ${mib(idle.residentBytes)} | ${mib(peak.residentBytes)} | ${above} | ${anonymous} |`;
}

/** A box at the lower end: 512 MiB and a quarter of a core, and twenty scans of 25 MiB at once. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startAgent } from './agent-subject.ts';
import { sendLoad } from './load.ts';
import { watchMemory } from './process-tree.ts';
import type { Place } from './subject.ts';
import type { Upstream } from './upstream.ts';

const MIB = 1024 * 1024;
const SCANS = { messages: 20, connections: 20, bytes: 25 * MIB };
const LIMIT_MS = 240_000;
const ROOT = '/sys/fs/cgroup';
const NAME = `scanferry-bench-${process.pid}`;
const REMOVAL_TRIES = 20;

interface ControlGroup {
  folders: string[];
  remove(): Promise<void>;
}

/** One line that says whether every scan was delivered, and in what time and memory. */
export async function measureSmallBox(place: Place, upstream: Upstream): Promise<string> {
  const group = makeGroup();
  if (group === null)
    return 'A box of 512 MiB and a quarter core: not measured, no control group may be made here.';
  try {
    const prepare = group.folders.map((folder) => `echo $$ >${folder}/cgroup.procs`).join(' && ');
    const agent = await startAgent(place, { prepare });
    const memory = watchMemory(agent.pid);
    const arrived = upstream.received();
    const begun = performance.now();
    try {
      await Promise.all([
        sendLoad(agent.port, SCANS, LIMIT_MS),
        upstream.waitFor(arrived + SCANS.messages, LIMIT_MS),
      ]);
    } finally {
      await agent.stop();
    }
    const seconds = ((performance.now() - begun) / 1000).toFixed(0);
    const peak = (memory.stop().anonymousBytes / MIB).toFixed(0);
    return `In 512 MiB and a quarter core: 20 scans of 25 MiB at once, all delivered after ${seconds} s, ${peak} MiB anonymous at most.`;
  } finally {
    await group.remove();
  }
}

/** Version 2 where it is mounted with both controllers, else version 1; null where neither may be written. */
function makeGroup(): ControlGroup | null {
  const isUnified = existsSync(`${ROOT}/cgroup.controllers`);
  const limits: Record<string, Record<string, string>> = isUnified
    ? { '': { 'memory.max': String(512 * MIB), 'memory.swap.max': '0', 'cpu.max': '25000 100000' } }
    : {
        memory: { 'memory.limit_in_bytes': String(512 * MIB) },
        cpu: { 'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': '25000' },
      };
  const folders: string[] = [];
  try {
    for (const [controller, files] of Object.entries(limits)) {
      const folder = path.join(ROOT, controller, NAME);
      mkdirSync(folder);
      folders.push(folder);
      for (const [file, value] of Object.entries(files)) writeFileSync(path.join(folder, file), value);
    }
    return { folders, remove: () => removeAll(folders) };
  } catch (error) {
    for (const folder of folders) rmdirSync(folder);
    console.log(`(${String(error)})`);
    return null;
  }
}

/** The kernel lets a group go a moment after its last process. */
async function removeAll(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for (let tries = REMOVAL_TRIES; ; tries--) {
      try {
        rmdirSync(folder);
        break;
      } catch (error) {
        if (tries === 0) throw error;
        await pause(100);
      }
    }
  }
}

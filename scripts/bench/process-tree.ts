/** What a process and everything below it has used: CPU time, memory of its own, bytes sent to the disk (proc(5)). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  /** User and system time of the tree, with that of children that have ended, in milliseconds. */
  cpuMs: number;
  /** Anonymous resident memory in bytes: heaps and stacks, without the pages of programs and files. */
  anonymousBytes: number;
  /** All resident memory; pages shared between processes count once per process. */
  residentBytes: number;
  /** Bytes that the tree caused to be written to a block device. */
  writtenBytes: number;
}

/** Linux counts CPU time for user space in hundredths of a second on every architecture (USER_HZ). */
const TICK_MS = 10;
const KIB = 1024;

/** Positions in /proc/<pid>/stat behind the name, which may hold spaces itself. */
const CPU_FIELDS = [11, 12, 13, 14];

/** Reads the tree of `root`; a process that ends meanwhile is in its parent's figures the next time. */
export function readUsage(root: number): Usage {
  const total: Usage = { cpuMs: 0, anonymousBytes: 0, residentBytes: 0, writtenBytes: 0 };
  for (const [pid, stat] of treeOf(root)) {
    total.cpuMs += CPU_FIELDS.reduce((sum, field) => sum + Number(stat[field]), 0) * TICK_MS;
    const status = readText(`/proc/${pid}/status`);
    total.anonymousBytes += numberAfter(status, 'RssAnon') * KIB;
    total.residentBytes += numberAfter(status, 'VmRSS') * KIB;
    total.writtenBytes += numberAfter(readText(`/proc/${pid}/io`), 'write_bytes');
  }
  return total;
}

export type Memory = Pick<Usage, 'anonymousBytes' | 'residentBytes'>;

/** Follows the memory of a tree; `stop` gives the highest of each that was seen. */
export function watchMemory(root: number, everyMs = 100): { stop(): Memory } {
  const peak: Memory = { anonymousBytes: 0, residentBytes: 0 };
  const look = (): void => {
    const { anonymousBytes, residentBytes } = readUsage(root);
    peak.anonymousBytes = Math.max(peak.anonymousBytes, anonymousBytes);
    peak.residentBytes = Math.max(peak.residentBytes, residentBytes);
  };
  look();
  const timer = setInterval(look, everyMs);
  return {
    stop() {
      clearInterval(timer);
      look();
      return peak;
    },
  };
}

/**
 * Fields of /proc/<pid>/stat behind the name, for `root` and all its descendants. Each is asked for its children: to look
 * through all processes of the machine took a tenth of a core, ten times a second.
 */
function treeOf(root: number): Map<number, string[]> {
  const tree = new Map<number, string[]>();
  const queue = [root];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    const text = readText(`/proc/${pid}/stat`);
    if (text === '') continue;
    tree.set(pid, text.slice(text.lastIndexOf(')') + 2).split(' '));
    queue.push(...childrenOf(pid));
  }
  return tree;
}

/** Processes that any thread of `pid` started. Throws where the kernel doesn't tell (CONFIG_PROC_CHILDREN). */
function childrenOf(pid: number): number[] {
  if (!existsSync('/proc/thread-self/children'))
    throw new Error('this kernel does not name the children of a process');
  return threadsOf(pid).flatMap((thread) =>
    readText(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Empty when the process has ended: it is no part of the tree any more. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function numberAfter(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

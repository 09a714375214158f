/**
 * Settings of memory that the C library and V8 read once, before the program begins: the agent sets them and starts
 * again in its place, in the same process. Why not in a service file: docs/decisions/0013-memory-settings.md.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What malloc maps alone, and gives back as soon as it is freed: of this size and above. */
export const MAPPED_ALONE_BYTES = 262_144;

/** What the program starts again with; what an operator has set stands. */
const ENVIRONMENT = {
  // Each of a dozen threads would keep freed memory of its own.
  MALLOC_ARENA_MAX: '1',
  // Fixed: left to itself, glibc raises it with each large buffer that is freed, up to 32 MiB, and what is smaller
  // is then not given back.
  MALLOC_MMAP_THRESHOLD_: String(MAPPED_ALONE_BYTES),
};

/** Short-lived objects of a message fit; left to itself it grows to three times 16 MiB in each thread, and stays. */
const YOUNG_GENERATION = '--max-semi-space-size=2';

/**
 * Where a heap may reach 2 GiB, V8 maps its own functions a second time for each thread, beside compiled code: 2 MiB. A small
 * box has no such heap, and the agent needs a fiftieth of it.
 */
const HEAP = '--max-old-space-size=2047';
const LARGE_HEAP_BYTES = 2 ** 31;

/**
 * Settled, all is collected when it has grown by one and a half. V8 counts the buffers of scans on their way, too, and by
 * its own measure would collect, where a slow box is busy, at a tenth more: three times a second. By once its size, a heap
 * of 13 MiB was collected for 12 ms of each scan of 5 MiB; by twice, the peak is 35 MiB higher and nothing gained.
 */
const GROWTH = '--heap-growing-percent=150';

/** One is enough, but for two threads at the same line; a context is made in a millisecond. */
const LEND_TRIES_MAX = 50;

/** Set in what was started again, so that it goes on. */
const MARK = 'SCANFERRY_MEMORY_SET';

export interface ThisProcess {
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  execPath: string;
  execArgv: readonly string[];
  /** Absent before Node.js 22.15 and outside POSIX: the agent then runs without these settings. */
  execve?: typeof process.execve | undefined;
}

/**
 * Starts the agent again with the settings where that is due, and then doesn't return.
 * @param heapBytesMax what V8 allows this process by itself.
 */
export function applyMemorySettings(
  to: ThisProcess,
  heapBytesMax = getHeapStatistics().heap_size_limit,
): void {
  const isAgent = to.argv[2] === 'run';
  if (to.env[MARK] !== undefined) {
    delete to.env[MARK];
    return;
  }
  if (!isAgent || to.execve === undefined) return;
  const due = heapBytesMax < LARGE_HEAP_BYTES ? [YOUNG_GENERATION] : [YOUNG_GENERATION, HEAP];
  const options = due.filter((option) => !isSet(option, to));
  const args = [...to.execArgv, ...options, ...to.argv.slice(1)];
  to.execve(to.execPath, [to.execPath, ...args], { ...ENVIRONMENT, ...to.env, [MARK]: '1' });
}

/**
 * Gives back what the start alone needed, 7 MiB: an agent that then has nothing to do allocates nothing, so V8 would
 * find no occasion. To be called once things are quiet, in each thread; it stops that thread for some 50 ms.
 *
 * What is set here would at the start of the process make Node.js compile all of its own modules, instead of taking
 * them as its build compiled them: 90 ms.
 */
export function settleMemory(): void {
  const gc = lendCollection();
  // A Node.js that keeps its flags to itself: the agent runs on, with more memory.
  if (gc === null) return;
  // What ran at the start alone goes too: by itself V8 keeps compiled functions for six collections.
  setFlagsFromString('--bytecode-old-age=1');
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setFlagsFromString('--bytecode-old-age=6');
  if (!isSet(GROWTH, process)) setFlagsFromString(GROWTH);
}

/**
 * V8 gives `gc` to contexts that are made while the flag is set. The flags are those of the process: where the other
 * thread is at the same line, it may take the flag back in between, and the next try has it.
 */
function lendCollection(): NodeJS.GCFunction | null {
  for (let tries = 0; tries < LEND_TRIES_MAX; tries++) {
    setFlagsFromString('--expose-gc');
    const gc: NodeJS.GCFunction | undefined = runInNewContext('globalThis.gc');
    setFlagsFromString('--no-expose-gc');
    if (gc !== undefined) return gc;
  }
  return null;
}

/** Whether an operator has set the same option of V8. */
function isSet(option: string, { env, execArgv }: Pick<ThisProcess, 'env' | 'execArgv'>): boolean {
  const [name = option] = option.split('=');
  // V8 reads both spellings.
  return `${env['NODE_OPTIONS'] ?? ''} ${execArgv.join(' ')}`.replaceAll('_', '-').includes(name);
}

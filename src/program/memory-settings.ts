/**
 * Settings of memory that the C library and V8 read once, before the program begins: the agent sets them and starts
 * again in its place, in the same process. Why not in a service file: docs/decisions/0013-memory-settings.md.
 */

/** What the program starts again with; what an operator has set stands. */
const ENVIRONMENT = {
  // Each of a dozen threads would keep freed memory of its own.
  MALLOC_ARENA_MAX: '1',
  // Fixed: left to itself, glibc raises it with each large buffer that is freed, up to 32 MiB, and what is smaller
  // is then not given back.
  MALLOC_MMAP_THRESHOLD_: '131072',
};

/** Options of V8, unless an operator has set the same. */
const V8_OPTIONS = {
  // Short-lived objects of a message fit; left to itself it grows to three times 16 MiB in each thread, and stays.
  'max-semi-space-size': '--max-semi-space-size=2',
  // All is collected when it has doubled. V8 counts the buffers of scans on their way, too, and by its own measure would
  // collect, where a slow box is busy, at a tenth more: three times a second.
  'heap-growing-percent': '--heap-growing-percent=100',
  // Lets `giveBackStartMemory` ask for it.
  'expose-gc': '--expose-gc',
};

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

/** Starts the agent again with the settings where that is due, and then doesn't return. */
export function applyMemorySettings(to: ThisProcess): void {
  const isAgent = to.argv[2] === 'run';
  if (to.env[MARK] !== undefined) {
    delete to.env[MARK];
    return;
  }
  if (!isAgent || to.execve === undefined) return;
  const given = `${to.env['NODE_OPTIONS'] ?? ''} ${to.execArgv.join(' ')}`;
  const options = Object.entries(V8_OPTIONS).filter(([name]) => !given.includes(name));
  const args = [...to.execArgv, ...options.map(([, option]) => option), ...to.argv.slice(1)];
  to.execve(to.execPath, [to.execPath, ...args], { ...ENVIRONMENT, ...to.env, [MARK]: '1' });
}

/**
 * Gives back what the start alone needed, 7 MiB: an agent that then has nothing to do allocates nothing, so V8 would
 * find no occasion. To be called once things are quiet; it stops the thread for some 50 ms.
 */
export function giveBackStartMemory(): void {
  // Absent where the settings could not be made.
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** Child processes for tests: started, watched, bounded in time and output, and ended whatever happens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const OUTPUT_CHARS_MAX = 4 * 1024 * 1024;
const COMMAND_LIMIT_MS = 30_000;
const START_LIMIT_MS = 20_000;
const STOP_GRACE_MS = 5_000;
const PORT_POLL_MS = 20;

export interface ProcessOptions {
  cwd?: string;
  /** Added to the environment of the test; `undefined` takes a variable away. */
  env?: Record<string, string | undefined>;
  /**
   * Set for a guard that must clean up after the test: it is not killed with the test process, and ends by
   * itself when its standard input closes.
   */
  endsWithItsInput?: boolean;
}

export interface CommandOptions extends ProcessOptions {
  input?: Buffer | string;
  /** Milliseconds after which the command is killed and the call throws. Default 30 s. */
  limitMs?: number;
}

export interface CommandResult {
  /** Exit status; null when a signal ended the command. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningProcess {
  readonly pid: number;
  readonly stdin: NodeJS.WritableStream;
  /** What was printed so far (the last 4 MiB). */
  stdout(): string;
  stderr(): string;
  hasEnded(): boolean;
  /** Waits for a line of either stream that matches; throws when the process ends or `limitMs` passes first. */
  waitForLine(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray>;
  /** Waits until `look` finds something in the output; it may throw to give up. `what` says what was missing. */
  waitFor<T>(look: () => T | null, what: string, limitMs?: number): Promise<T>;
  /** Waits for the end, however it comes. */
  waitForExit(limitMs?: number): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Sends one signal and does not wait. */
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL when the grace is over. Stopping twice is harmless. */
  stop(graceMs?: number): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a program whose life is tied to the test's: the kernel kills it even when the test process is
 * killed itself (prctl PR_SET_PDEATHSIG, set by util-linux's setpriv, which then becomes the program).
 * What the program starts in its turn is not tied: a shell should `exec` its last command.
 */
export function startProcess(
  file: string,
  args: readonly string[],
  options: ProcessOptions = {},
): RunningProcess {
  const isGuard = options.endsWithItsInput ?? false;
  const command = isGuard ? [] : ['setpriv', '--pdeathsig', 'KILL', '--'];
  const [program = file, ...rest] = [...command, file, ...args];
  const child = spawn(program, rest, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A guard has a session of its own, so that Ctrl-C at the terminal reaches the test only.
    detached: isGuard,
  });
  if (!isGuard) running.add(child);
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  let ended: { code: number | null; signal: NodeJS.Signals | null } | null = null;
  let spawnError: Error | null = null;
  const notify = () => {
    for (const watcher of watchers) watcher();
  };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] = (output[name] + text).slice(-OUTPUT_CHARS_MAX);
      notify();
    });
  }
  // A program that ends without reading its input is judged by its exit, not by the broken pipe.
  child.stdin.on('error', () => {});
  child.on('error', (error) => {
    spawnError = error;
    ended = { code: null, signal: null };
    running.delete(child);
    notify();
  });
  child.on('close', (code, signal) => {
    ended ??= { code, signal };
    running.delete(child);
    notify();
  });

  const describe = (problem: string) =>
    new Error(`${file}: ${problem}\nstdout: ${output.stdout}\nstderr: ${output.stderr}`, {
      cause: spawnError ?? undefined,
    });

  /** Resolves as soon as `look` finds something; `look` may throw to give up. */
  function watch<T>(look: () => T | null, what: string, limitMs = START_LIMIT_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(() => reject(describe(`${what} within ${limitMs} ms`))), limitMs);
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        watchers.delete(check);
        settle();
      };
      const check = () => {
        try {
          const found = look();
          if (found !== null) finish(() => resolve(found));
        } catch (error) {
          finish(() => reject(error));
        }
      };
      watchers.add(check);
      check();
    });
  }

  return {
    pid: child.pid ?? -1,
    stdin: child.stdin,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    hasEnded: () => ended !== null,
    waitFor: watch,
    waitForLine: (pattern, limitMs) =>
      watch(
        () => {
          const match = matchLine(output.stdout, pattern) ?? matchLine(output.stderr, pattern);
          if (match === null && ended !== null) throw describe(`ended before a line matched ${pattern}`);
          return match;
        },
        `printed no line matching ${pattern}`,
        limitMs,
      ),
    waitForExit: (limitMs = COMMAND_LIMIT_MS) => watch(() => ended, 'did not end', limitMs),
    signal: (name) => {
      child.kill(name);
    },
    async stop(graceMs = STOP_GRACE_MS) {
      if (ended) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      try {
        await this.waitForExit(graceMs + STOP_GRACE_MS);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function matchLine(text: string, pattern: RegExp): RegExpExecArray | null {
  for (const line of text.split(/\r?\n/)) {
    const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(line);
    if (match) return match;
  }
  return null;
}

/**
 * Runs a program to its end with `input` on its standard input.
 * @throws when it can't be started or does not end in time; a failing exit status is a result, not an error.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = startProcess(file, args, options);
  child.stdin.end(options.input ?? '');
  try {
    const { code } = await child.waitForExit(options.limitMs);
    return { code, stdout: child.stdout(), stderr: child.stderr() };
  } finally {
    await child.stop();
  }
}

/** Like runCommand, but a failing exit status throws; returns standard output. */
export async function runOrThrow(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await runCommand(file, args, options);
  if (result.code !== 0) {
    throw new Error(`${file} ${args.join(' ')} ended with ${result.code}: ${result.stderr}${result.stdout}`);
  }
  return result.stdout;
}

const handedOut = new Set<number>();

/** A TCP port of `address` that nobody listens on at this moment; never the same one twice in a process. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  // The kernel may offer a port again as soon as it is closed: two asked for in a row were once the same.
  for (;;) {
    const port = await offeredPort(address);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

function offeredPort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, address, () => {
      const bound = server.address();
      server.close(() => {
        if (bound && typeof bound === 'object') resolve(bound.port);
        else reject(new Error(`no port on ${address}`));
      });
    });
  });
}

/** Waits until something accepts connections; the other process has no event for it, so this asks every 20 ms. */
export async function waitForPort(address: string, port: number, limitMs = START_LIMIT_MS): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await accepts(address, port))) {
    if (performance.now() > deadline)
      throw new Error(`nothing listens on ${address}:${port} after ${limitMs} ms`);
    await pause(PORT_POLL_MS);
  }
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

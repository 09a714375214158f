/** The whole agent in the test's own process, from a YAML config in a folder of its own. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { catalogueOf } from '../../src/agent/profile-packs.ts';
import { type Agent, type AgentStarted, createAgent } from '../../src/agent.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { type Clock, createSystemClock } from '../../src/core/clock.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import type { Catalogue } from '../../src/profiles/types.ts';
import type { MessageDetail, MessageFilter } from '../../src/spool/types.ts';
import { AUTHORITY } from './made-once.ts';
import { createQuietLog, type QuietLog } from './quiet-log.ts';
import { startSpoolThread } from './spool-thread.ts';

export interface TestAgent {
  readonly directory: string;
  readonly log: QuietLog;
  readonly agent: Agent;
  readonly started: AgentStarted;
  /** Port of listener `index`. */
  port(index?: number): number;
  /** Resolves when every message that fits `filter` has only recipients in `states`; there must be `count` of them. */
  settled(count: number, states?: string[], filter?: MessageFilter): Promise<MessageDetail[]>;
  /** Resolves when `look` returns something, asked again after every change of the spool. */
  when<T>(look: () => Promise<T | null>, what: string): Promise<T>;
  /** Replaces the YAML of everything but `dataDir`; a reload reads it. */
  rewrite(yaml: string): void;
  /** Stops and removes the folder; `keep` leaves the folder for another start. */
  stop(options?: { keep?: boolean }): Promise<void>;
}

export interface TestAgentOptions {
  /** YAML of everything but `dataDir`. */
  yaml: string;
  /** Further files beside the config, by name. */
  files?: Record<string, string>;
  env?: Record<string, string>;
  clock?: Clock;
  /** In place of the built-in catalogue. */
  profiles?: Catalogue;
  /** Folder of an earlier agent, to start on its data. */
  directory?: string;
}

const WAIT_MAX_MS = 30_000;
/** Where the agent keeps its certificates. */
const CA = path.join('data', 'ca');

function newDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-agent-'));
  mkdirSync(path.join(directory, 'data'), { mode: 0o700 });
  if (existsSync(AUTHORITY)) cpSync(AUTHORITY, path.join(directory, CA), { recursive: true });
  return directory;
}

/** Leaves the certificates of this agent to all that follow, unless another process was faster. */
function shareAuthority(directory: string): void {
  const own = `${AUTHORITY}-${process.pid}`;
  cpSync(path.join(directory, CA), own, { recursive: true });
  try {
    renameSync(own, AUTHORITY);
  } catch (error) {
    rmSync(own, { recursive: true });
    if (!existsSync(AUTHORITY)) throw error;
  }
}

/** Starts an agent; it accepts connections when this resolves. */
export async function startTestAgent(options: TestAgentOptions): Promise<TestAgent> {
  const directory = options.directory ?? newDirectory();
  const file = path.join(directory, 'scanferry.yaml');
  writeFileSync(file, `dataDir: data\n${options.yaml}`);
  for (const [name, text] of Object.entries(options.files ?? {}))
    writeFileSync(path.join(directory, name), text);
  const profiles = options.profiles ?? builtInCatalogue();
  const readConfig = (text?: string) => {
    const { config, warnings } = loadConfig({
      file,
      text,
      env: { ...options.env },
      profileIds: (dataDir) => [...catalogueOf(dataDir, profiles).keys()],
    });
    return { config, warnings: warnings.map(formatProblem) };
  };
  const log = createQuietLog();
  const agent = createAgent({
    config: readConfig().config,
    readConfig,
    configFile: file,
    profiles,
    clock: options.clock ?? createSystemClock(0),
    log,
    support: { env: { ...options.env }, logTail: () => log.lines.map((line) => JSON.stringify(line)) },
    startWorker: startSpoolThread,
  });
  const started = await agent.start();
  // Those of a box with another clock are valid at another time.
  if (options.clock === undefined && !existsSync(AUTHORITY)) shareAuthority(directory);

  async function when<T>(look: () => Promise<T | null>, what: string): Promise<T> {
    const { spool } = agent.rooms;
    let wake = Promise.withResolvers<void>();
    const unsubscribe = spool.onChange(() => wake.resolve());
    const timer = setTimeout(
      () => wake.reject(new Error(`not within ${WAIT_MAX_MS} ms: ${what}; the log: ${latest(log)}`)),
      WAIT_MAX_MS,
    );
    try {
      for (;;) {
        const found = await look();
        if (found !== null) return found;
        await wake.promise;
        wake = Promise.withResolvers<void>();
      }
    } finally {
      clearTimeout(timer);
      unsubscribe();
    }
  }

  return {
    directory,
    log,
    agent,
    started,
    port(index = 0) {
      const listener = started.listeners[index];
      if (listener === undefined) throw new Error(`there is no listener ${index}`);
      return listener.port;
    },
    when,
    rewrite: (yaml) => writeFileSync(file, `dataDir: data\n${yaml}`),
    settled: (count, states = ['delivered'], filter = {}) =>
      when(
        async () => {
          const { spool } = agent.rooms;
          const messages = await spool.list(filter, { limit: 1000, before: null });
          const isOver = messages.every(({ recipients }) =>
            recipients.every(({ state }) => states.includes(state)),
          );
          if (messages.length < count || !isOver) return null;
          const details = await Promise.all(messages.map(({ head }) => spool.show(head.id)));
          return details.filter((detail) => detail !== null);
        },
        `${count} messages ${states.join(' or ')}`,
      ),
    async stop({ keep = false } = {}) {
      await agent.stop();
      if (!keep) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The latest troubles, for whoever reads a failed test. */
function latest(log: QuietLog): string {
  const troubles = log.lines.filter(({ level }) => level === 'warn' || level === 'error');
  return JSON.stringify(troubles.slice(-5));
}

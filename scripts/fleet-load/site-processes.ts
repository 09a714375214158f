/** All simulated sites, in several processes. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { SiteProcessOptions, SiteProcessReport } from './site-process.ts';

export interface SiteProcesses {
  readonly pids: number[];
  /** The latest of all processes together. */
  figures(): SiteProcessReport;
  stop(): Promise<void>;
}

export interface SiteProcessesOptions extends Omit<SiteProcessOptions, 'url' | 'first' | 'count'> {
  sites: number;
  /** One process each: the addresses of the same broker. */
  urls: readonly string[];
}

const NONE: SiteProcessReport = { connected: 0, connects: 0, losses: 0, waits: 0, warnings: {}, scans: 0 };

export function startSiteProcesses({ sites, urls, ...rest }: SiteProcessesOptions): SiteProcesses {
  const share = Math.ceil(sites / urls.length);
  const latest = new Map<number, SiteProcessReport>();
  let isStopping = false;
  const children = urls.map((url, index) => {
    const first = index * share + 1;
    return start({ ...rest, url, first, count: Math.min(share, sites - first + 1) }, index);
  });

  function start(options: SiteProcessOptions, index: number): ChildProcess {
    const child = fork(path.join(import.meta.dirname, 'site-process.ts'), [JSON.stringify(options)]);
    // What a child sends is SiteProcessReport: it is our own program.
    child.on('message', (figures) => latest.set(index, figures as SiteProcessReport));
    child.on('exit', (code, signal) => {
      if (!isStopping) throw new Error(`a process of sites ended with ${code ?? signal}`);
    });
    return child;
  }

  return {
    pids: children.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    figures: () => [...latest.values()].reduce(add, NONE),
    async stop() {
      isStopping = true;
      const ends = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
      for (const child of children) child.disconnect();
      await Promise.all(ends);
    },
  };
}

function add(a: SiteProcessReport, b: SiteProcessReport): SiteProcessReport {
  const warnings = { ...a.warnings };
  for (const [event, count] of Object.entries(b.warnings)) warnings[event] = (warnings[event] ?? 0) + count;
  return {
    connected: a.connected + b.connected,
    connects: a.connects + b.connects,
    losses: a.losses + b.losses,
    waits: a.waits + b.waits,
    scans: a.scans + b.scans,
    warnings,
  };
}

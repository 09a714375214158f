/** What was measured, second by second, and the table that is made of it. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { readUsage } from '../bench/process-tree.ts';

export interface Sample {
  /** Milliseconds since the start of the whole run. */
  ms: number;
  connected: number;
  online: number;
  connects: number;
  waits: number;
}

/** CPU and memory of one process tree over a phase. */
export interface Meter {
  /** Share of one core, and highest resident memory, since `begin` or the meter was made. */
  read(): { cpuShare: number; residentBytes: number };
  stop(): void;
}

const EVERY_MS = 1000;
const MIB = 1024 * 1024;

export function startMeter(pids: readonly number[]): Meter {
  const usage = () => pids.map((pid) => readUsage(pid));
  const sum = (key: 'cpuMs' | 'residentBytes') => usage().reduce((total, one) => total + one[key], 0);
  const begunAt = performance.now();
  const begunCpu = sum('cpuMs');
  let peak = sum('residentBytes');
  const timer = setInterval(() => {
    peak = Math.max(peak, sum('residentBytes'));
  }, EVERY_MS);
  return {
    read: () => ({
      cpuShare: (sum('cpuMs') - begunCpu) / (performance.now() - begunAt),
      residentBytes: Math.max(peak, sum('residentBytes')),
    }),
    stop: () => clearInterval(timer),
  };
}

/** Highest number of connections that came about in one second, and in ten. */
export function connectRates(samples: readonly Sample[]): { second: number; tenSeconds: number } {
  const rate = (span: number) =>
    samples.reduce((most, { ms, connects }, index) => {
      const before = samples[index - span];
      return before === undefined
        ? most
        : Math.max(most, ((connects - before.connects) * 1000) / (ms - before.ms));
    }, 0);
  return { second: rate(1), tenSeconds: rate(10) };
}

/** When a share of the sites was there for the first time, milliseconds after the beginning of `samples`; null if never. */
export function timeUntil(
  samples: readonly Sample[],
  key: 'connected' | 'online',
  count: number,
): number | null {
  const begun = samples[0]?.ms ?? 0;
  const found = samples.find((sample) => sample[key] >= count);
  return found === undefined ? null : found.ms - begun;
}

export function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

export function seconds(ms: number | null): string {
  return ms === null ? 'never' : `${(ms / 1000).toFixed(0)} s`;
}

export function machine(): string {
  const [processor] = os.cpus();
  return `${os.cpus().length} × ${processor?.model}, ${mib(os.totalmem())}, Linux ${os.release()}`;
}

export function load(): string {
  return readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ');
}

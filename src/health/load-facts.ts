/** Processors, load and uptime, from /proc. */
import type { SysFiles } from './sys-files.ts';

export interface LoadFacts {
  /** Busy share of all processors since the last look; null at the first. */
  cpuPercent: number | null;
  /** Load of the last minute, per core. */
  loadPerCore: number | null;
  uptimeSeconds: number | null;
}

interface CpuTimes {
  busy: number;
  total: number;
  cores: number;
}

/** Makes the reader, which remembers the times of its last look. */
export function createLoadReader(files: SysFiles): () => Promise<LoadFacts> {
  let before: CpuTimes | null = null;
  return async () => {
    const times = parseCpuTimes((await files.text('/proc/stat')) ?? '');
    const cpuPercent = times === null || before === null ? null : busyPercent(before, times);
    before = times;
    const load = firstNumber(await files.text('/proc/loadavg'));
    return {
      cpuPercent,
      loadPerCore: load === null ? null : load / Math.max(1, times?.cores ?? 1),
      uptimeSeconds: firstNumber(await files.text('/proc/uptime')),
    };
  };
}

/** Columns: user nice system idle iowait irq softirq steal (proc_stat(5)); guests are counted in user. */
function parseCpuTimes(stat: string): CpuTimes | null {
  const lines = stat.split('\n');
  const all = lines.find((line) => line.startsWith('cpu '));
  const ticks = all?.split(/\s+/).slice(1, 9).map(Number);
  if (ticks === undefined || ticks.length < 5 || ticks.some((tick) => !Number.isFinite(tick))) return null;
  const total = ticks.reduce((sum, tick) => sum + tick, 0);
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  return { busy: total - idle, total, cores: lines.filter((line) => /^cpu\d/.test(line)).length };
}

function busyPercent(before: CpuTimes, now: CpuTimes): number | null {
  const total = now.total - before.total;
  const busy = now.busy - before.busy;
  // iowait may go back a little (proc_stat(5)).
  return total > 0 ? Math.min(100, Math.max(0, (100 * busy) / total)) : null;
}

function firstNumber(text: string | null): number | null {
  const number = Number.parseFloat(text ?? '');
  return Number.isFinite(number) ? number : null;
}

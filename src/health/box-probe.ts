/**
 * Looks at the box: processors, temperature, power, memory, disk, clock, network.
 *
 * Small files of /proc and /sys alone, some milliseconds a look: no process is started, nothing is written. What the
 * box does not tell is null.
 */
import { realpath, statfs } from 'node:fs/promises';
import os from 'node:os';
import type { Clock } from '../core/clock.ts';
import { createDayRate } from './day-rate.ts';
import { type DiskFacts, readDisk } from './disk-facts.ts';
import { createLoadReader, type LoadFacts } from './load-facts.ts';
import { type MemoryFacts, readMemory } from './memory-facts.ts';
import { type PowerFacts, readPower } from './power-facts.ts';
import { createSysFiles, type SysFiles } from './sys-files.ts';

export interface BoxFacts extends LoadFacts, PowerFacts, MemoryFacts, Omit<DiskFacts, 'writtenBytes'> {
  model: string | null;
  disk: { freeBytes: number; totalBytes: number } | null;
  diskWrittenPerDayBytes: number | null;
  /** Looks in a row at which the processors were busy. */
  busyLooks: number;
  /** Null where nobody tells (no systemd-timesyncd). */
  isClockSynchronised: boolean | null;
  /** Name and address of each interface toward a network, such as `eth0 192.168.50.5`. */
  addresses: string[];
}

export interface BoxProbe {
  look(): Promise<BoxFacts>;
}

export interface BoxProbeDeps {
  clock: Clock;
  /** The data folder. */
  directory: string;
  /** In place of `/`, for a recorded box. */
  root?: string;
  memory?: () => Promise<MemoryFacts>;
  interfaces?: typeof os.networkInterfaces;
}

/** From here a processor counts as busy; a scan of 36 MB keeps a Pi busy for a second or two. */
export const BUSY_PERCENT = 95;

/** Makes the probe; rates are known from its second look on. */
export function createBoxProbe({ clock, directory, ...options }: BoxProbeDeps): BoxProbe {
  const files = createSysFiles(options.root);
  const readLoad = createLoadReader(files);
  const written = createDayRate(clock);
  const memory = options.memory ?? readMemory;
  const interfaces = options.interfaces ?? os.networkInterfaces;
  let model: string | null = null;
  let busyLooks = 0;
  let wasUnderVoltage: boolean | null = null;

  return {
    async look() {
      model ??= await readModel(files);
      const load = await readLoad();
      busyLooks = (load.cpuPercent ?? 0) >= BUSY_PERCENT ? busyLooks + 1 : 0;
      const power = await readPower(files);
      wasUnderVoltage = wasUnderVoltage === true ? true : power.wasUnderVoltage;
      const { writtenBytes, ...disk } = await readDisk(files, await resolved(directory));
      written.add(writtenBytes);
      return {
        ...{ ...load, ...disk, ...power, ...(await memory()) },
        ...{ model, busyLooks, wasUnderVoltage },
        disk: await readSpace(directory),
        diskWrittenPerDayBytes: written.perDay(),
        isClockSynchronised: await readSynchronised(files),
        addresses: addressesOf(interfaces()),
      };
    },
  };
}

async function resolved(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch {
    // A data folder that is gone is told by the spool; where it should be still says which disk it is.
    return directory;
  }
}

async function readSpace(directory: string): Promise<BoxFacts['disk']> {
  try {
    const { bavail, blocks, bsize } = await statfs(directory);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    // The spool refuses with the reason when its disk doesn't answer.
    return null;
  }
}

/** The name a board or a computer gives itself. */
async function readModel(files: SysFiles): Promise<string | null> {
  const board = await files.text('/proc/device-tree/model');
  return board ?? (await files.text('/sys/devices/virtual/dmi/id/product_name'));
}

/** systemd-timesyncd touches this file at each answer of a time server (systemd-timesyncd.service(8)). */
async function readSynchronised(files: SysFiles): Promise<boolean | null> {
  if (!(await files.exists('/run/systemd/timesync'))) return null;
  return files.exists('/run/systemd/timesync/synchronized');
}

function addressesOf(interfaces: NodeJS.Dict<os.NetworkInterfaceInfo[]>): string[] {
  return Object.entries(interfaces)
    .flatMap(([name, infos]) => (infos ?? []).map((info) => ({ name, ...info })))
    .filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/i.test(address))
    .map(({ name, address }) => `${name} ${address}`)
    .sort();
}

/** The disk under the data folder: whether it can be written, what it has borne, and how much was written to it. */
import path from 'node:path';
import type { SysFiles } from './sys-files.ts';

export interface DiskFacts {
  /** The mount, or the file system after an error (`errors=remount-ro`, ext4(5)). */
  isReadOnly: boolean | null;
  /** Since the box was started; null for what is no block device. */
  writtenBytes: number | null;
  /** Errors that ext4 keeps in the file system (Documentation/ABI/testing/sysfs-fs-ext4). */
  errors: number | null;
  /** Used life of eMMC in percent, in steps of ten (JESD84-B51, DEVICE_LIFE_TIME_EST); SD cards don't tell. */
  wornPercent: number | null;
}

/** Unit of /sys/block/.../stat, whatever the disk's own (Documentation/block/stat.rst). */
const SECTOR_BYTES = 512;
/** Fields: read I/Os, merges, sectors, ticks, then the same for writes. */
const SECTORS_WRITTEN = 6;

const UNKNOWN: DiskFacts = { isReadOnly: null, writtenBytes: null, errors: null, wornPercent: null };

/** @param directory the data folder, with links resolved. */
export async function readDisk(files: SysFiles, directory: string): Promise<DiskFacts> {
  const mount = findMount((await files.text('/proc/self/mountinfo')) ?? '', directory);
  if (mount === null) return UNKNOWN;
  const partition = await files.target(`/sys/dev/block/${mount.device}`);
  if (partition === null) return { ...UNKNOWN, isReadOnly: mount.isReadOnly };
  const isPartition = await files.exists(path.join(partition, 'partition'));
  const disk = isPartition ? path.dirname(partition) : partition;
  return {
    isReadOnly: mount.isReadOnly,
    writtenBytes: writtenBytes(await files.text(path.join(disk, 'stat'))),
    errors: await files.number(`/sys/fs/ext4/${path.basename(partition)}/errors_count`),
    wornPercent: wornPercent(await files.text(path.join(disk, 'device/life_time'))),
  };
}

interface Mount {
  /** `major:minor`. */
  device: string;
  isReadOnly: boolean;
}

/** The mount a folder is on (proc_pid_mountinfo(5)): of those that hold it the longest, the latest where equal. */
function findMount(mountinfo: string, directory: string): Mount | null {
  let found: (Mount & { length: number }) | null = null;
  for (const line of mountinfo.split('\n')) {
    const [mount = '', system = ''] = line.split(' - ');
    const [, , device, , point, options] = mount.split(' ');
    if (device === undefined || point === undefined || options === undefined) continue;
    const place = decodeOctal(point);
    if (!holds(place, directory) || place.length < (found?.length ?? 0)) continue;
    const flags = [options, system.split(' ')[2] ?? ''].flatMap((list) => list.split(','));
    found = { device, isReadOnly: flags.includes('ro'), length: place.length };
  }
  return found === null ? null : { device: found.device, isReadOnly: found.isReadOnly };
}

function holds(place: string, directory: string): boolean {
  const within = path.relative(place, directory);
  return within === '' || !(within === '..' || within.startsWith('../'));
}

/** Space, tab, line end and backslash stand as octal numbers. */
function decodeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function writtenBytes(stat: string | null): number | null {
  const sectors = Number(stat?.split(/\s+/)[SECTORS_WRITTEN]);
  return Number.isFinite(sectors) ? sectors * SECTOR_BYTES : null;
}

/** Two estimates such as `0x01 0x02`: 1 is up to a tenth of the life, 11 is past its end, 0 is undefined. */
function wornPercent(lifeTime: string | null): number | null {
  const steps = (lifeTime ?? '').split(/\s+/).filter((text) => /^0x[0-9a-f]+$/i.test(text));
  const worst = Math.max(0, ...steps.map(Number));
  return worst === 0 ? null : Math.min(worst, 11) * 10;
}

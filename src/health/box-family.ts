/** Metrics of the box: what wears it out, slows it down, or stops it. */

import { type BoxFacts, BUSY_PERCENT } from './box-probe.ts';
import { below, type Family, family, from, type Rule, when } from './metric.ts';
import { PROBLEMS } from './problems.ts';
import { bytesWords, countWords, durationWords } from './words.ts';

export interface BoxSeen {
  box: BoxFacts;
  isClockSet: boolean;
  /** How far the clock is ahead of a server's; null while unknown. */
  clockSkewMs: number | null;
}

/** Five looks, one a minute. */
const BUSY_LOOKS = 5;
/** The first answer of a time server comes within minutes of the start, if at all. */
const SYNCHRONISE_MAX_SECONDS = 15 * 60;
/** Written through a 32 GB card of 500 cycles in about two years: 32 GB * 500 / 20 GB are 800 days. */
const WRITTEN_WARN_BYTES = 20 * 1024 ** 3;
const MIB = 1024 ** 2;

const busy: Rule<BoxSeen> = {
  words: `warn from ${BUSY_PERCENT} at ${BUSY_LOOKS} looks in a row`,
  judge: (value, { box }) =>
    box.busyLooks >= BUSY_LOOKS
      ? { grade: 'warn', why: PROBLEMS.cpuBusy(String(Math.round(Number(value)))) }
      : null,
};

const synchronised: Rule<BoxSeen> = {
  words: 'warn when false 15 minutes after the start of the box',
  judge: (value, { box }) =>
    value === false && (box.uptimeSeconds ?? 0) >= SYNCHRONISE_MAX_SECONDS
      ? { grade: 'warn', why: PROBLEMS.clockNotSynchronised() }
      : null,
};

const skew: Rule<BoxSeen> = {
  words: 'warn from 60 either way, fail from 300',
  judge(value) {
    const seconds = Math.abs(Number(value));
    if (seconds < 60) return null;
    const why = PROBLEMS.clockSkewed(durationWords(seconds * 1000));
    return { grade: seconds >= 300 ? 'fail' : 'warn', why };
  },
};

export const BOX_FAMILY: Family<BoxSeen> = family('box', null, [
  {
    name: 'box_model_state',
    unit: 'state',
    help: 'What the board or computer calls itself.',
    value: ({ box }) => box.model,
  },
  {
    name: 'box_cpu_percent',
    unit: 'percent',
    help: 'Busy share of all processors since the last look.',
    value: ({ box }) => rounded(box.cpuPercent, 1),
    rule: busy,
  },
  {
    name: 'box_load_per_core',
    unit: 'ratio',
    help: 'Load of the last minute, divided by the number of cores.',
    value: ({ box }) => rounded(box.loadPerCore, 2),
    rule: from({ warn: 4 }, (load) => PROBLEMS.loadHigh(String(load))),
  },
  {
    name: 'box_temperature_celsius',
    unit: 'celsius',
    help: 'Temperature of the processor; a Raspberry Pi slows down from 80 and hard from 85.',
    value: ({ box }) => rounded(box.celsius, 1),
    rule: from({ warn: 80, fail: 85 }, (celsius) => PROBLEMS.hot(String(celsius))),
  },
  {
    name: 'box_under_voltage',
    unit: 'bool',
    help: 'Whether the supply voltage is too low now (Raspberry Pi).',
    value: ({ box }) => box.isUnderVoltage,
    rule: when(true, 'fail', PROBLEMS.underVoltage),
  },
  {
    name: 'box_under_voltage_seen',
    unit: 'bool',
    help: 'Whether it was too low at some time since the start (Raspberry Pi).',
    value: ({ box }) => box.wasUnderVoltage,
    rule: when(true, 'warn', PROBLEMS.underVoltageSeen),
  },
  {
    name: 'box_throttled',
    unit: 'bool',
    help: 'Whether the firmware slows the processor down now (Raspberry Pi).',
    value: ({ box }) => box.isThrottled,
    rule: when(true, 'warn', PROBLEMS.throttledByHeat),
  },
  {
    name: 'box_memory_total_bytes',
    unit: 'bytes',
    help: 'Memory of the box.',
    value: ({ box }) => box.memoryTotalBytes,
  },
  {
    name: 'box_memory_available_percent',
    unit: 'percent',
    help: 'Share of the memory that programs can have without swapping.',
    value: ({ box }) => shareOf(box.memoryAvailableBytes, box.memoryTotalBytes),
    rule: below({ warn: 10, fail: 4 }, (percent) => PROBLEMS.memoryLow(String(percent))),
  },
  {
    name: 'box_disk_free_bytes',
    unit: 'bytes',
    help: 'Free space of the disk with the data folder.',
    value: ({ box }) => box.disk?.freeBytes ?? null,
    rule: below({ warn: 1024 * MIB, fail: 256 * MIB }, (bytes) => PROBLEMS.diskLow(bytesWords(bytes))),
  },
  {
    name: 'box_disk_used_percent',
    unit: 'percent',
    help: 'Used share of that disk.',
    value: ({ box: { disk } }) =>
      disk === null ? null : shareOf(disk.totalBytes - disk.freeBytes, disk.totalBytes),
  },
  {
    name: 'box_disk_read_only',
    unit: 'bool',
    help: 'Whether that file system can only be read.',
    value: ({ box }) => box.isReadOnly,
    rule: when(true, 'fail', PROBLEMS.diskReadOnly),
  },
  {
    name: 'box_disk_errors_count',
    unit: 'count',
    help: 'Errors recorded in that file system (ext4).',
    value: ({ box }) => box.errors,
    rule: from({ warn: 1 }, (count) => PROBLEMS.diskErrors(countWords(count, 'error'))),
  },
  {
    name: 'box_disk_worn_percent',
    unit: 'percent',
    help: 'Used part of its rated life, where the disk tells (eMMC).',
    value: ({ box }) => box.wornPercent,
    rule: from({ warn: 80, fail: 110 }, (percent) => PROBLEMS.diskWorn(String(percent))),
  },
  {
    name: 'box_disk_written_day_bytes',
    unit: 'bytes',
    help: 'Bytes written to the whole disk in 24 hours; reckoned up from the first hour on.',
    value: ({ box }) => box.diskWrittenPerDayBytes,
    rule: from({ warn: WRITTEN_WARN_BYTES }, (bytes) => PROBLEMS.diskBusy(bytesWords(bytes))),
  },
  {
    name: 'box_uptime_s',
    unit: 's',
    help: 'Time since the box was started.',
    value: ({ box }) => (box.uptimeSeconds === null ? null : Math.floor(box.uptimeSeconds)),
  },
  {
    name: 'box_clock_set',
    unit: 'bool',
    help: 'Whether the clock can be believed; nothing is sent before.',
    value: ({ isClockSet }) => isClockSet,
    rule: when(false, 'fail', PROBLEMS.clockUnset),
  },
  {
    name: 'box_clock_synchronised',
    unit: 'bool',
    help: 'Whether a time server has answered since the start (systemd-timesyncd).',
    value: ({ box }) => box.isClockSynchronised,
    rule: synchronised,
  },
  {
    name: 'box_clock_skew_s',
    unit: 's',
    help: 'How far the clock is ahead of that of the sign-in service, as its latest answer says.',
    value: ({ clockSkewMs }) => (clockSkewMs === null ? null : Math.round(clockSkewMs / 1000)),
    rule: skew,
  },
  {
    name: 'box_network_up',
    unit: 'bool',
    help: 'Whether the box has an address in a network.',
    value: ({ box }) => box.addresses.length > 0,
    rule: when(false, 'warn', PROBLEMS.noNetwork),
  },
  {
    name: 'box_addresses_state',
    unit: 'state',
    help: 'Interfaces and addresses of the box.',
    value: ({ box }) => (box.addresses.length === 0 ? null : box.addresses.join(', ')),
  },
]);

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}

function shareOf(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole <= 0 ? null : Math.round((1000 * part) / whole) / 10;
}

/** The box itself, read and graded as health does: disk and its wear, memory, temperature, power, network. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { type BoxFacts, createBoxProbe } from '../health/box-probe.ts';
import { FAMILIES } from '../health/index.ts';
import type { Reading } from '../health/types.ts';
import { bytesWords } from '../health/words.ts';
import { fail, graded, ok } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import type { Check, CheckContext, Finding } from './types.ts';

export const BOX_CHECKS: readonly Check[] = [
  { group: 'box', name: 'disk', run: checkDisk },
  { group: 'box', name: 'box', run: checkBox },
];

/** Whether new scans have room; where they have, the disk is told with the rest of the box. */
async function* checkDisk({ config, dataDir }: CheckContext): AsyncGenerator<Finding> {
  const name = 'disk';
  const { bavail, blocks, bsize } = await statfs(nearestFolder(dataDir));
  const free = bavail * bsize;
  const min = minFreeBytes(config);
  if (free < min)
    yield fail(
      name,
      spaceWords(free, blocks * bsize),
      PROBLEMS.diskLow(dataDir, bytesWords(free), bytesWords(min)),
    );
}

const minFreeBytes = (config: CheckContext['config']): number => config?.spool.minFreeBytes ?? 0;

function spaceWords(freeBytes: number, totalBytes: number): string {
  return `${bytesWords(freeBytes)} of ${bytesWords(totalBytes)} free`;
}

/** The data folder, or where the first start will make it. */
function nearestFolder(directory: string): string {
  const parent = path.dirname(directory);
  return existsSync(directory) || parent === directory ? directory : nearestFolder(parent);
}

interface BoxRow {
  name: string;
  /** Metrics of health that speak of it. */
  metrics: readonly string[];
  /** What is said when all of them are well. */
  text(facts: BoxFacts): string;
}

const ROWS: readonly BoxRow[] = [
  {
    name: 'disk',
    metrics: ['box_disk_free_bytes'],
    text: ({ disk }) =>
      disk === null ? 'this system does not tell' : spaceWords(disk.freeBytes, disk.totalBytes),
  },
  {
    name: 'storage',
    metrics: ['box_disk_read_only', 'box_disk_errors_count', 'box_disk_worn_percent'],
    text: ({ errors, wornPercent }) =>
      [
        wornPercent === null
          ? 'does not tell its wear (SD cards never do)'
          : `${wornPercent} % of its life used`,
        ...(errors === null ? [] : ['no errors recorded']),
      ].join(', '),
  },
  {
    name: 'memory',
    metrics: ['box_memory_available_percent'],
    text: ({ memoryAvailableBytes, memoryTotalBytes }) =>
      memoryAvailableBytes === null || memoryTotalBytes === null
        ? 'this system does not tell'
        : `${bytesWords(memoryAvailableBytes)} of ${bytesWords(memoryTotalBytes)} available`,
  },
  {
    name: 'load',
    metrics: ['box_load_per_core'],
    text: ({ loadPerCore }) =>
      loadPerCore === null ? 'this system does not tell' : `${loadPerCore.toFixed(2)} a core`,
  },
  {
    name: 'temperature',
    metrics: ['box_temperature_celsius'],
    text: ({ celsius }) => (celsius === null ? 'no sensor' : `${Math.round(celsius)} °C`),
  },
  {
    name: 'power',
    metrics: ['box_under_voltage', 'box_under_voltage_seen', 'box_throttled'],
    text: ({ isUnderVoltage }) =>
      isUnderVoltage === null
        ? 'this machine does not tell (a Raspberry Pi does)'
        : 'no under-voltage since the start',
  },
  {
    name: 'addresses',
    metrics: ['box_network_up'],
    text: ({ addresses }) => addresses.join(', '),
  },
];

async function* checkBox({ clock, config, dataDir, systemRoot }: CheckContext): AsyncGenerator<Finding> {
  const box = await createBoxProbe({ clock, directory: nearestFolder(dataDir), root: systemRoot }).look();
  const readings = FAMILIES.box.read({ box, isClockSet: clock.isSet(), clockSkewMs: null }, null);
  const isDiskTold = (box.disk?.freeBytes ?? Number.POSITIVE_INFINITY) < minFreeBytes(config);
  for (const row of ROWS) {
    if (row.name === 'disk' && isDiskTold) continue;
    const troubles = readings.flatMap((reading) => troubleOf(row, reading, box));
    if (troubles.length === 0) yield ok(row.name, row.text(box));
    // What is so now has been so since the start, too.
    else
      yield* troubles.filter(({ grade }) => row.name !== 'power' || grade === 'fail' || !box.isUnderVoltage);
  }
}

function troubleOf(row: BoxRow, { metric, grade, why, value }: Reading, box: BoxFacts): Finding[] {
  const { name, metrics } = row;
  if (!metrics.includes(metric.name) || grade === 'ok' || why === null) return [];
  return [graded(grade, { name, text: wordsOf(row, { metric, value }, box), why })];
}

function wordsOf(row: BoxRow, { metric, value }: Pick<Reading, 'metric' | 'value'>, box: BoxFacts): string {
  if (metric.unit === 'bool') return metric.name.replace(/^box_/, '').replaceAll('_', ' ');
  return metric.unit === 'bytes' ? row.text(box) : shown(value, metric.unit);
}

function shown(value: Reading['value'], unit: string): string {
  if (unit === 'percent') return `${value} %`;
  return unit === 'celsius' ? `${value} °C` : String(value);
}

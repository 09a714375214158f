/** What a recorded box tells of itself, and what is unknown where it does not. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoxProbe } from '../../src/health/box-probe.ts';
import { readMemory } from '../../src/health/memory-facts.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type RecordedBox, recordBox } from './support/recorded-box.ts';

const GIB = 1024 ** 3;
const HOUR = 3_600_000;
let box: RecordedBox;
beforeEach(() => {
  box = recordBox();
});
afterEach(() => box.remove());

function probe() {
  const clock = createFakeClock();
  const made = createBoxProbe({
    ...{ clock, root: box.root, directory: '/' },
    memory: async () => ({ memoryTotalBytes: 4 * GIB, memoryAvailableBytes: 3 * GIB }),
    interfaces: () => ({
      lo: [{ address: '127.0.0.1', internal: true } as never],
      eth0: [
        { address: '192.168.50.5', internal: false } as never,
        { address: 'fe80::1', internal: false } as never,
      ],
    }),
  });
  return { clock, look: () => made.look() };
}

describe('a Raspberry Pi', () => {
  test('tells model, temperature, power, disk, clock and network', async () => {
    const { disk, ...facts } = await probe().look();
    expect(facts).toEqual({
      ...{ model: 'Raspberry Pi 4 Model B Rev 1.5', celsius: 48.312 },
      ...{ isUnderVoltage: false, wasUnderVoltage: false, isThrottled: false },
      ...{ memoryTotalBytes: 4 * GIB, memoryAvailableBytes: 3 * GIB },
      ...{ cpuPercent: null, busyLooks: 0, loadPerCore: 0.25, uptimeSeconds: 86_400.55 },
      ...{ isReadOnly: false, errors: 0, wornPercent: 20, diskWrittenPerDayBytes: null },
      ...{ isClockSynchronised: true, addresses: ['eth0 192.168.50.5'] },
    });
    expect(disk?.totalBytes).toBeGreaterThan(0);
  });

  test('is busy by the share of time since the last look', async () => {
    const { look } = probe();
    await look();
    box.put('/proc/stat', 'cpu  190 0 100 710 100 0 0 0 0 0\ncpu0 1 0 0 0 0 0 0 0\n');
    expect((await look()).cpuPercent).toBeCloseTo(90);
  });

  test('has written what its disk counts, reckoned to a day from the first hour on', async () => {
    const { clock, look } = probe();
    await look();
    box.put('/sys/devices/mmc/block/mmcblk0/stat', '100 0 2000 50 300 0 16384 90 0 0 0\n');
    await clock.advance(HOUR / 2);
    expect((await look()).diskWrittenPerDayBytes).toBeNull();
    await clock.advance(HOUR / 2);
    expect((await look()).diskWrittenPerDayBytes).toBe(8192 * 512 * 24);
  });

  test.each([
    ['1', { isUnderVoltage: true, wasUnderVoltage: true, isThrottled: false }],
    ['50000', { isUnderVoltage: false, wasUnderVoltage: true, isThrottled: false }],
    ['4', { isUnderVoltage: false, wasUnderVoltage: false, isThrottled: true }],
  ])('whose firmware says %s', async (bits, facts) => {
    box.put('/sys/devices/platform/soc/soc:firmware/get_throttled', `${bits}\n`);
    expect(await probe().look()).toMatchObject(facts);
  });

  test('whose root was mounted again for reading alone after an error says so', async () => {
    box.put('/proc/self/mountinfo', '22 1 179:2 / / rw,noatime - ext4 /dev/root ro,errors=remount-ro\n');
    box.put('/sys/fs/ext4/mmcblk0p2/errors_count', '3\n');
    expect(await probe().look()).toMatchObject({ isReadOnly: true, errors: 3 });
  });
});

describe('what a box does not tell', () => {
  test('is unknown: no sensor, no firmware, no eMMC, no timesyncd, an empty /proc', async () => {
    for (const file of ['/sys', '/proc', '/run']) box.put(file, null);
    const { disk: _, memoryTotalBytes: __, memoryAvailableBytes: ___, ...facts } = await probe().look();
    expect(facts).toEqual({
      ...{ model: null, celsius: null, isUnderVoltage: null, wasUnderVoltage: null, isThrottled: null },
      ...{ cpuPercent: null, busyLooks: 0, loadPerCore: null, uptimeSeconds: null },
      ...{ isReadOnly: null, errors: null, wornPercent: null, diskWrittenPerDayBytes: null },
      ...{ isClockSynchronised: null, addresses: ['eth0 192.168.50.5'] },
    });
  });

  test('is unknown where a file holds nonsense', async () => {
    box.put('/sys/class/thermal/thermal_zone0/temp', 'N/A\n');
    box.put('/sys/devices/platform/soc/soc:firmware/get_throttled', 'unknown\n');
    box.put('/proc/stat', 'cpu  x y z\n');
    box.put('/sys/fs/ext4/mmcblk0p2/errors_count', '\n');
    expect(await probe().look()).toMatchObject({
      celsius: null,
      isUnderVoltage: null,
      cpuPercent: null,
      errors: null,
    });
  });
});

test('memory is what systeminformation says of this machine, and unknown when it fails', async () => {
  const total = Number(/MemTotal:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
  expect((await readMemory()).memoryTotalBytes).toBe(total);
  const broken = async () => ({ mem: () => Promise.reject(new Error('no')) });
  expect(await readMemory(broken)).toEqual({ memoryTotalBytes: null, memoryAvailableBytes: null });
});

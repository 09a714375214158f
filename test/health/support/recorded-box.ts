/** A box as its files tell of it, in a folder in place of `/`: a Raspberry Pi 4 with an SD card. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface RecordedBox {
  readonly root: string;
  /** Writes one file; null removes it. */
  put(file: string, text: string | null): void;
  remove(): void;
}

const FILES: Record<string, string> = {
  '/proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.5\0',
  '/proc/stat':
    'cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 50 0 50 350 50 0 0 0 0 0\ncpu1 50 0 50 350 50 0 0 0 0 0\nintr 1\n',
  '/proc/loadavg': '0.50 0.40 0.30 1/200 4242\n',
  '/proc/uptime': '86400.55 160000.00\n',
  '/proc/self/mountinfo':
    '22 1 179:2 / / rw,noatime - ext4 /dev/root rw,commit=300\n23 22 0:21 / /proc rw - proc proc rw\n',
  '/sys/class/thermal/thermal_zone0/temp': '48312\n',
  '/sys/class/thermal/thermal_zone0/type': 'cpu-thermal\n',
  '/sys/devices/platform/soc/soc:firmware/get_throttled': '0\n',
  '/sys/devices/mmc/block/mmcblk0/stat': '100 0 2000 50 300 0 8192 90 0 0 0\n',
  '/sys/devices/mmc/block/mmcblk0/mmcblk0p2/partition': '2\n',
  '/sys/devices/mmc/block/mmcblk0/device/life_time': '0x01 0x02\n',
  '/sys/fs/ext4/mmcblk0p2/errors_count': '0\n',
  '/run/systemd/timesync/synchronized': '',
};

export function recordBox(): RecordedBox {
  const root = mkdtempSync(path.join(os.tmpdir(), 'scanferry-box-'));
  const put = (file: string, text: string | null): void => {
    const at = path.join(root, file);
    rmSync(at, { recursive: true, force: true });
    if (text === null) return;
    mkdirSync(path.dirname(at), { recursive: true });
    writeFileSync(at, text);
  };
  for (const [file, text] of Object.entries(FILES)) put(file, text);
  mkdirSync(path.join(root, 'sys/dev/block'), { recursive: true });
  symlinkSync(
    path.join(root, 'sys/devices/mmc/block/mmcblk0/mmcblk0p2'),
    path.join(root, 'sys/dev/block/179:2'),
  );
  return { root, put, remove: () => rmSync(root, { recursive: true, force: true }) };
}

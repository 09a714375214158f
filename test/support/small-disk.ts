/** A small file system of its own, in memory, to fill it up for real; root may mount one. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runOrThrow } from './processes.ts';

export interface SmallDisk {
  folder: string;
  remove(): Promise<void>;
}

/** @param size as mount(8) takes it for a tmpfs, such as `4m`. */
export async function mountSmallDisk(size: string): Promise<SmallDisk> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-disk-'));
  await runOrThrow('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'scanferry-test', folder]);
  return {
    folder,
    async remove() {
      await runOrThrow('umount', [folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

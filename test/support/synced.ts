/** What of a file system is made durable: each fsync(2) still happens, and is noted by path with what its folder held. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export interface Synced {
  path: string;
  /** Names in it where it is a folder, as they were then. */
  names: string[];
}

/** Does `work`; returns what was synced meanwhile, in order. */
export async function syncedBy(work: () => unknown): Promise<Synced[]> {
  const { fsyncSync } = fs;
  const synced: Synced[] = [];
  fs.fsyncSync = (handle) => {
    fsyncSync(handle);
    const path = fs.readlinkSync(`/proc/self/fd/${handle}`);
    synced.push({ path, names: fs.fstatSync(handle).isDirectory() ? fs.readdirSync(path) : [] });
  };
  syncBuiltinESMExports();
  try {
    await work();
    return synced;
  } finally {
    fs.fsyncSync = fsyncSync;
    syncBuiltinESMExports();
  }
}

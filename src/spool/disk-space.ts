/** Whether there is room for more: the spool's own quota, and the free space of the disk. */
import { statfsSync } from 'node:fs';
import path from 'node:path';
import { LIMITS } from '../core/limits.ts';
import { readPragma } from './database.ts';
import { refusal } from './problems.ts';
import type { SpoolBounds } from './protocol.ts';
import type { Store } from './store.ts';
import type { SpoolRefusalReason } from './types.ts';

export interface DiskSpace {
  /** Why `bytes` more than what is stored don't fit, or null. */
  refuses(store: Store, bytes: number, now: number): SpoolRefusalReason | null;
  /** Why `bytes` more may not be kept for a person to decide on, or null. */
  refusesHeld(store: Store, bytes: number): SpoolRefusalReason | null;
  /** Free bytes of the file system. */
  freeBytes(): number;
}

/** @param bounds read anew at each question. */
export function createDiskSpace(
  file: string,
  bounds: Readonly<Pick<SpoolBounds, 'maxBytes' | 'minFreeBytes'>>,
): DiskSpace {
  let known = { at: Number.NEGATIVE_INFINITY, bytes: 0 };

  function freeBytes(): number {
    try {
      const { bavail, bsize } = statfsSync(path.dirname(file));
      return bavail * bsize;
    } catch (error) {
      // A disk that doesn't say how full it is takes no mail.
      throw refusal('disk-error', error);
    }
  }

  /** What can still be written: free pages of the file are used before it grows. */
  function writableBytes(store: Store, now: number): number {
    // The wall clock may jump back: then it is asked again, too.
    if (Math.abs(now - known.at) >= LIMITS.spoolFreeSpaceAgeMs) {
      const freePages = Number(readPragma(store.db, 'freelist_count'));
      const pageBytes = Number(readPragma(store.db, 'page_size'));
      known = { at: now, bytes: freeBytes() + freePages * pageBytes };
    }
    return known.bytes;
  }

  return {
    refuses(store, bytes, now) {
      if (store.counters.bodyBytes + bytes > bounds.maxBytes) return 'quota';
      return writableBytes(store, now) < bounds.minFreeBytes ? 'disk-full' : null;
    },
    refusesHeld: (store, bytes) =>
      store.counters.heldBytes + bytes > bounds.maxBytes * LIMITS.spoolHeldShareMax ? 'held-quota' : null,
    freeBytes,
  };
}

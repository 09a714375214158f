/**
 * Removes the chunks nobody needs any more, a few per commit, so that others wait for little.
 *
 * They go as the last of a transaction: a page that is freed and used again within one is written to the journal
 * besides, which for scans that come while others leave was a third more.
 */
import { LIMITS } from '../core/limits.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Store } from './store.ts';
import { SpoolRefusal } from './types.ts';

export interface Sweeper {
  /** There may be something to remove. */
  wake(): void;
  /** Removes what one commit may; to be run as the last of a transaction. */
  sweep(): void;
  /** A commit succeeded, so that the next one may: while the disk fails, nothing is tried for the sweep alone. */
  committed(): void;
}

export interface SweeperDeps {
  store(): Store;
  group: Pick<GroupCommit, 'lazy' | 'flush' | 'peek'>;
  /** Bodies on their way in are listed too, and stay. */
  isOpen(number: number): boolean;
}

export function createSweeper({ store, group, isOpen }: SweeperDeps): Sweeper {
  /** Whether something may be listed that no commit has looked at yet. */
  let isDue = false;
  let isPlanned = false;

  const removable = () =>
    store()
      .bodies.listed()
      .filter((number) => !isOpen(number));

  /** Where nobody else commits, the sweep does; but not the unfinished work of others for nothing. */
  function turn(): void {
    isPlanned = false;
    if (!isDue) return;
    try {
      isDue = group.peek(removable).length > 0;
      if (!isDue) return;
      group.lazy(() => {}, 0);
      group.flush();
    } catch (error) {
      // The disk failed, which has been reported; what is listed stays listed until somebody can commit again.
      if (!(error instanceof SpoolRefusal)) throw error;
    }
  }

  function plan(): void {
    if (isPlanned) return;
    isPlanned = true;
    setImmediate(turn);
  }

  return {
    wake() {
      isDue = true;
      plan();
    },
    sweep() {
      if (!isDue) return;
      let places = LIMITS.spoolEraseChunksMax;
      for (const number of removable()) {
        places -= store().bodies.sweep(number, places);
        if (places === 0) return;
      }
      isDue = false;
    },
    committed() {
      if (isDue) plan();
    },
  };
}

/** Removes the chunks nobody needs any more, a few per turn of the event loop, so that others wait for little. */
import type { GroupCommit } from './group-commit.ts';
import type { Store } from './store.ts';
import { SpoolRefusal } from './types.ts';

export interface Sweeper {
  /** There may be something to remove. */
  wake(): void;
}

export interface SweeperDeps {
  store(): Store;
  group: GroupCommit;
  /** Bodies on their way in are listed too, and stay. */
  isOpen(number: number): boolean;
}

export function createSweeper({ store, group, isOpen }: SweeperDeps): Sweeper {
  let isPlanned = false;

  function wake(): void {
    if (isPlanned) return;
    isPlanned = true;
    setImmediate(turn);
  }

  function turn(): void {
    isPlanned = false;
    try {
      const number = group.peek(() =>
        store()
          .bodies.listed()
          .find((listed) => !isOpen(listed)),
      );
      if (number === undefined) return;
      group.lazy(() => store().bodies.sweep(number), 0);
      group.flush();
      wake();
    } catch (error) {
      // The disk failed, which has been reported; what is listed stays listed for the next time.
      if (!(error instanceof SpoolRefusal)) throw error;
    }
  }

  return { wake };
}

/** Work that must not overlap: one piece after the other, in the order in which they came. */

export interface Turns {
  /** Does `work` after all that came before it, however that ended; settles as `work` does. */
  take<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when all that has come so far is over. */
  over(): Promise<void>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    take(work) {
      const next = last.then(work);
      // Whoever asked for it hears of its failure; who comes after it goes on.
      last = next.catch(() => {});
      return next;
    },
    async over() {
      await last;
    },
  };
}

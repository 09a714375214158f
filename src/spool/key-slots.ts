/**
 * The table of wrapped body keys, made for forgetting: a slot is overwritten in place with zeros, then used again.
 *
 * Deleting a row would leave its bytes on the page or on a copy of it; overwriting a row of the same size changes the
 * very bytes (sqlite3BtreeInsert, btreeOverwriteCell). New slots are appended as zeros in whole batches, so no page
 * that holds a key is ever split. `PRAGMA secure_delete=FAST` zeros what else SQLite frees on such a page.
 */
import type { Database } from 'better-sqlite3';

/** Nonce, key and tag as core/seal.ts puts them together. */
const WRAPPED_BYTES = 12 + 32 + 16;
const ZEROS = Buffer.alloc(WRAPPED_BYTES);
/** Slots made at once: a burst of scans costs few growths, an idle box keeps few pages. */
const SLOTS_GROWN = 64;

export interface KeySlots {
  /** Puts a wrapped key into a free slot and returns the slot. */
  put(wrapped: Buffer): number;
  get(slot: number): Buffer | null;
  /** Overwrites the slot with zeros; it may be used again at once. */
  erase(slot: number): void;
}

/** Reads which slots are free; to be made anew after a rollback. */
export function createKeySlots(db: Database): KeySlots {
  const update = db.prepare<[Buffer, number]>('UPDATE keys SET wrapped = ? WHERE slot = ?');
  const insert = db.prepare<[Buffer]>('INSERT INTO keys (wrapped) VALUES (?)');
  const select = db.prepare<[number], Buffer>('SELECT wrapped FROM keys WHERE slot = ?').pluck();
  // Highest slot last, so that the lowest is taken first and the table stays dense.
  const free = db
    .prepare<[Buffer], number>('SELECT slot FROM keys WHERE wrapped = ? ORDER BY slot DESC')
    .pluck()
    .all(ZEROS);

  function grow(): void {
    const slots = Array.from({ length: SLOTS_GROWN }, () => Number(insert.run(ZEROS).lastInsertRowid));
    free.push(...slots.reverse());
  }

  return {
    put(wrapped) {
      if (wrapped.length !== WRAPPED_BYTES) throw new Error('a wrapped key has another size');
      if (free.length === 0) grow();
      const slot = free.pop();
      if (slot === undefined) throw new Error('no key slot was made');
      update.run(wrapped, slot);
      return slot;
    },
    get(slot) {
      const wrapped = select.get(slot);
      return wrapped === undefined || wrapped.equals(ZEROS) ? null : wrapped;
    },
    erase(slot) {
      update.run(ZEROS, slot);
      free.push(slot);
    },
  };
}

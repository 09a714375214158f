/** How the database file is laid out: chosen by measurement, see docs/decisions/0003-spool-storage.md. */

export interface StorageLayout {
  journalMode: 'TRUNCATE' | 'PERSIST' | 'WAL';
  /** Size of a database page in bytes; fixed when the file is made. */
  pageBytes: number;
  /** Size of a stored piece of a body in bytes; each body keeps the one it was written with. */
  chunkBytes: number;
  /** Whether free pages can be given back to the file system without rewriting the file. */
  autoVacuum: 'NONE' | 'INCREMENTAL';
}

export const STORAGE: StorageLayout = {
  journalMode: 'TRUNCATE',
  pageBytes: 4096,
  // Below MALLOC_MMAP_THRESHOLD_ (program/memory-settings.ts), or each would be mapped anew.
  chunkBytes: 248 * 1024,
  autoVacuum: 'NONE',
};

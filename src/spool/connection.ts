/**
 * The one connection: opened, given up after a failure or for a smaller file, and opened again when next needed,
 * salvaged where damaged.
 */
import type { Database } from 'better-sqlite3';
import { isWorthCompacting, writeCompact } from './compact.ts';
import { type DatabaseOptions, openDatabase, readPragma } from './database.ts';
import { freshNameOf, removeDatabase, replaceFile } from './files.ts';
import { isDamage } from './problems.ts';
import { type SalvageReport, salvageDatabase } from './salvage.ts';
import { createStore, type Store } from './store.ts';

export interface ConnectionDeps {
  database: DatabaseOptions;
  boxKey: Buffer;
  onEvent(): void;
  /** A damaged file was put aside; bodies under way have lost their first chunks. */
  onSalvaged(report: SalvageReport): void;
}

export interface Connection {
  /** The open store; opens it when there is none. Throws OperatorError when that fails. */
  store(now: number): Store;
  /** Closes without a commit. `damage`: the next opening salvages without looking first. */
  giveUp(options: { damage: boolean }): void;
  /**
   * Gives room back to the disk where that pays, which is known by the `diskBytes` that are free there. To be called
   * between two transactions. Throws what SQLite throws; the file is then as it was.
   */
  compact(diskBytes: number): void;
  /** Reads again what is kept in memory about the tables. */
  reload(): void;
  /** The store if one is open. */
  opened(): Store | null;
}

export function createConnection(deps: ConnectionDeps): Connection {
  let store: Store | null = null;
  let isKnownDamaged = false;

  function open(now: number): Store {
    if (isKnownDamaged) salvage(now);
    try {
      return openStore();
    } catch (error) {
      if (!isDamage(error)) throw error;
      salvage(now);
      return openStore();
    }
  }

  function openStore(): Store {
    const db = openDatabase(deps.database);
    try {
      return createStore({ db, boxKey: deps.boxKey, onEvent: deps.onEvent });
    } catch (error) {
      db.close();
      throw error;
    }
  }

  function salvage(now: number): void {
    const report = salvageDatabase(deps.database, deps.boxKey, now);
    isKnownDamaged = false;
    deps.onSalvaged(report);
    deps.onEvent();
  }

  return {
    store(now) {
      store ??= open(now);
      return store;
    },
    giveUp({ damage }) {
      const db = store?.db;
      store = null;
      isKnownDamaged ||= damage;
      // Rolls back what is open; the journal of a failed commit is applied when it is opened again.
      db?.close();
    },
    compact(diskBytes) {
      const { file } = deps.database;
      // A crash in the middle leaves a beginning that nobody needs.
      removeDatabase(freshNameOf(file));
      if (store === null || !isWorthCompacting(store.db, diskBytes)) return;
      const { db } = store;
      writeCompact(db, freshNameOf(file));
      store = null;
      db.close();
      replaceFile(freshNameOf(file), file);
    },
    reload() {
      if (store !== null) store = createStore({ db: store.db, boxKey: deps.boxKey, onEvent: deps.onEvent });
    },
    opened: () => store,
  };
}

/** What the connection says of itself, read back. */
export function readBack(db: Database): { synchronous: number; journalMode: string } {
  return {
    synchronous: Number(readPragma(db, 'synchronous')),
    journalMode: String(readPragma(db, 'journal_mode')),
  };
}

/**
 * One transaction for everybody who is waiting: callers of one turn of the event loop share one commit. Where many come
 * at once, or are to come, it waits a moment for more: each commit writes some ten pages, whoever shares it.
 *
 * Invariants: a caller of `durable` is answered after its commit, or rejected when the transaction failed, in which
 * case nothing of it is kept. Readers never see what is not yet durable: while somebody waits they come after the
 * commit. What is written lazily (chunks of unfinished bodies) is nobody's promise and rides along.
 */
import type { Database } from 'better-sqlite3';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { asRefusal, isDamage, isDiskFailure } from './problems.ts';

export interface GroupCommitDeps {
  clock: Pick<Clock, 'schedule'>;
  /** The open connection; opens it when there is none. May throw. */
  connection(): Database;
  /** Work was undone without a disk failure: what is kept in memory about the tables must be read again. */
  onUndone(): void;
  /** How many will want a commit before long. */
  expected(): number;
  /** Writes of its own as the last of the transaction; a disk that fails there fails the transaction. */
  beforeCommit(): void;
  onCommitted(): void;
  /** The transaction is gone and the connection is not to be used again. */
  onFailure(error: unknown): void;
}

export interface GroupCommit {
  /**
   * Resolves with the result of `work` once it is durable. Rejects with SpoolRefusal when the disk fails.
   * @param onDurable runs then, before anybody reads.
   */
  durable<T>(work: () => T, onDurable?: () => void): Promise<T>;
  /** Runs `work` in the open transaction; durable with the next commit. Throws SpoolRefusal when the disk fails. */
  lazy(work: () => void, bytes: number): void;
  /** Runs `work` when nobody is waiting for a commit any more. */
  read<T>(work: () => T): Promise<T>;
  /** Runs `work` at once; for what does not depend on anything unfinished. */
  peek<T>(work: () => T): T;
  /** Commits what is open. */
  flush(): void;
  /** From now on no transaction outlives its turn of the event loop; what is returned ends that. */
  commitEachAlone(): () => void;
}

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** Makes the group commit of one database, across reopened connections. */
export function createGroupCommit(deps: GroupCommitDeps): GroupCommit {
  let db: Database | null = null;
  /** Runs work inside a savepoint of `db`; made once a connection, since making it costs as much as a statement. */
  let inSavepoint: (work: () => unknown) => unknown = (work) => work();
  let waiters: Waiter[] = [];
  let readers: (() => void)[] = [];
  let uncommittedBytes = 0;
  let isPlanned = false;
  /** How many shared the last commit. */
  let company = 0;
  /** How many have asked that each commit stands alone. */
  let alone = 0;

  function begin(): void {
    const connection = deps.connection();
    if (!connection.inTransaction) connection.exec('BEGIN IMMEDIATE');
    if (db !== connection) inSavepoint = connection.transaction((work: () => unknown) => work());
    db = connection;
  }

  /** Runs `work` whole or not at all inside the shared transaction. */
  function attempt<T>(work: () => T): T {
    try {
      begin();
      return inSavepoint(work) as T;
    } catch (error) {
      throw judge(error);
    }
  }

  function judge(error: unknown): unknown {
    if (isDiskFailure(error)) {
      fail(error);
      return asRefusal(error);
    }
    if (db !== null) deps.onUndone();
    return error;
  }

  function commit(): void {
    isPlanned = false;
    const waiting = waiters;
    company = waiting.length;
    if (db?.inTransaction) {
      try {
        deps.beforeCommit();
        db.exec('COMMIT');
      } catch (error) {
        fail(error);
      }
    }
    // After a failure the list is empty: everybody in it has been rejected.
    if (waiters === waiting) {
      waiters = [];
      uncommittedBytes = 0;
      deps.onCommitted();
      for (const waiter of waiting) waiter.resolve();
    }
    const reading = readers;
    readers = [];
    for (const read of reading) read();
  }

  function fail(error: unknown): void {
    const failed = waiters;
    waiters = [];
    uncommittedBytes = 0;
    db = null;
    // Closing rolls back; a commit that failed half-way is rolled back from the journal when it is reopened.
    deps.onFailure(error);
    for (const waiter of failed) waiter.reject(asRefusal(error));
  }

  function plan(): void {
    if (isPlanned) return;
    isPlanned = true;
    if (alone > 0) queueMicrotask(commit);
    else if (Math.max(company, deps.expected()) >= LIMITS.spoolCompanyMin)
      deps.clock.schedule(LIMITS.spoolCompanyWaitMs, commit);
    else setImmediate(commit);
  }

  function look<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (isDamage(error)) fail(error);
      throw asRefusal(error);
    }
  }

  return {
    durable<T>(work: () => T, onDurable?: () => void): Promise<T> {
      return new Promise((resolve, reject) => {
        try {
          const result = attempt(work);
          const answer = () => {
            onDurable?.();
            resolve(result);
          };
          waiters.push({ resolve: answer, reject });
          plan();
        } catch (error) {
          reject(error);
        }
      });
    },
    lazy(work, bytes) {
      try {
        begin();
        work();
      } catch (error) {
        throw judge(error);
      }
      uncommittedBytes += bytes;
      if (uncommittedBytes > LIMITS.spoolUncommittedBytesMax) commit();
      else if (alone > 0) plan();
    },
    read<T>(work: () => T): Promise<T> {
      if (waiters.length === 0) return new Promise((resolve) => resolve(look(work)));
      return new Promise((resolve, reject) => {
        readers.push(() => {
          try {
            resolve(look(work));
          } catch (error) {
            reject(error);
          }
        });
      });
    },
    peek: look,
    flush: commit,
    commitEachAlone() {
      alone += 1;
      commit();
      return () => {
        alone -= 1;
      };
    },
  };
}

/** The shared transaction by itself, over a real database: who waits, who reads, who is undone. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { createGroupCommit, type GroupCommit } from '../../src/spool/group-commit.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

let db: Database.Database;
let group: GroupCommit;
let clock: FakeClock;
let commits: number;
let undone: number;
let expected: number;
let last: () => void;

beforeEach(() => {
  db = new Database(':memory:');
  db.exec('CREATE TABLE numbers (value INTEGER PRIMARY KEY) STRICT');
  commits = 0;
  undone = 0;
  expected = 0;
  last = () => {};
  clock = createFakeClock();
  group = createGroupCommit({
    clock,
    connection: () => db,
    expected: () => expected,
    beforeCommit: () => last(),
    onUndone: () => undone++,
    onCommitted: () => commits++,
    onFailure(error) {
      throw error;
    },
  });
});

afterEach(() => {
  db.close();
});

const insert = (value: number) => () => void db.prepare('INSERT INTO numbers VALUES (?)').run(value);
const values = () => db.prepare('SELECT value FROM numbers ORDER BY value').pluck().all();

describe('the shared transaction', () => {
  test('is committed once for everybody of one turn', async () => {
    await Promise.all([1, 2, 3].map((value) => group.durable(insert(value))));
    expect(commits).toBe(1);
    expect(db.inTransaction).toBe(false);
    expect(values()).toEqual([1, 2, 3]);
  });

  test('is committed at once for whoever comes alone, and waits for more where many shared the last', async () => {
    await group.durable(insert(1));
    await group.durable(insert(2));
    expect(commits).toBe(2);
    await Promise.all([10, 11, 12, 13].map((value) => group.durable(insert(value))));
    const first = group.durable(insert(20));
    await nextTurn();
    const second = group.durable(insert(21));
    await nextTurn();
    expect(commits).toBe(3);
    await clock.advance(LIMITS.spoolCompanyWaitMs);
    await Promise.all([first, second]);
    expect(commits).toBe(4);
    await group.durable(insert(30));
    expect(commits).toBe(5);
  });

  test('waits for more where many are expected, who may have shared none yet', async () => {
    expected = LIMITS.spoolCompanyMin;
    const first = group.durable(insert(1));
    await nextTurn();
    const second = group.durable(insert(2));
    await nextTurn();
    expect(commits).toBe(0);
    await clock.advance(LIMITS.spoolCompanyWaitMs);
    await Promise.all([first, second]);
    expect(commits).toBe(1);
  });

  test('ends with what the owner writes last', async () => {
    last = insert(2);
    await group.durable(insert(1));
    expect(commits).toBe(1);
    expect(values()).toEqual([1, 2]);
  });

  test('shows a reader nothing before it is durable', async () => {
    const written = group.durable(insert(1));
    const seen = await group.read(() => ({ isOpen: db.inTransaction, values: values() }));
    expect(seen).toEqual({ isOpen: false, values: [1] });
    await written;
  });

  test('undoes the whole of what failed, and nothing of the others', async () => {
    const [first, second, third] = await Promise.allSettled([
      group.durable(insert(1)),
      group.durable(() => {
        insert(2)();
        insert(1)();
      }),
      group.durable(insert(3)),
    ]);
    expect([first?.status, second?.status, third?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(values()).toEqual([1, 3]);
    expect(undone).toBe(1);
  });

  test('of unfinished bodies alone is committed once it holds four MiB', () => {
    group.lazy(insert(1), 4 * 1024 * 1024);
    expect(db.inTransaction).toBe(true);
    group.lazy(insert(2), 1);
    expect(db.inTransaction).toBe(false);
  });
});

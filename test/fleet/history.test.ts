/** The history of the fleet in a real SQLite file. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { createHistory, type History } from '../../src/fleet/history.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createQuietLog } from '../support/quiet-log.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const BEGIN = Date.parse('2026-11-01T00:00:00Z');

let folder: string;
let clock: FakeClock;
let open: History[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'scanferry-history-'));
  clock = createFakeClock(BEGIN);
});
afterEach(async () => {
  for (const history of open) history.stop();
  open = [];
  await rm(folder, { recursive: true });
});

function start(maxBytes = 1_000_000_000): History {
  const settings = { file: path.join(folder, 'fleet.sqlite'), nativeBinding: null, maxBytes };
  const history = createHistory({ clock, log: createQuietLog(), settings });
  history.start();
  open.push(history);
  return history;
}

/** Makes every write of an event fail, as a full disk does, until the returned function is called. */
function fillDisk(): () => void {
  const db = new Database(path.join(folder, 'fleet.sqlite'));
  db.exec("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(FAIL, 'the disk is full'); END");
  return () => {
    db.exec('DROP TRIGGER full');
    db.close();
  };
}

function event(seq: number, ts = clock.now()) {
  return { seq, ts, type: 'agent.started', data: { version: '0.1.0' } };
}

test('keeps the peak of each five minutes over a restart, also of the step under way', async () => {
  const first = start();
  for (const waiting of [3, 9, 4]) {
    first.addTelemetry('alpha', { spool_waiting_count: waiting, spool_oldest_age_s: 1, unknown: 5 });
    await clock.advance(MINUTE);
  }
  first.stop();
  open = [];
  const second = start();
  second.addTelemetry('alpha', { spool_waiting_count: 7 });
  const { spool_waiting_count: waiting, unknown } = second.curves('alpha', 'day');
  expect(waiting).toEqual([{ ts: BEGIN, value: 9 }]);
  expect(unknown).toBeUndefined();
  expect((await stat(path.join(folder, 'fleet.sqlite'))).mode & 0o777).toBe(0o600);
});

test('shows events newest first, page by page, and an event that is told twice once', () => {
  const history = start();
  for (const seq of [1, 2, 3, 3]) history.addEvent('alpha', event(seq, BEGIN + seq));
  const [newest, ...rest] = history.events('alpha', { limit: 2 });
  expect([newest, ...rest].map((one) => one?.seq)).toEqual([3, 2]);
  expect(
    history.events('alpha', { limit: 2, before: { ts: BEGIN + 2, seq: 2 } }).map(({ seq }) => seq),
  ).toEqual([1]);
  expect(history.events('bravo', { limit: 2 })).toEqual([]);
});

test('two watchers of one folder write into one history, and each shows what the other has heard', async () => {
  const [one, two] = [start(), start()];
  one.addEvent('alpha', event(1));
  two.addEvent('alpha', event(2));
  one.addTelemetry('alpha', { spool_waiting_count: 2 });
  two.addTelemetry('alpha', { spool_waiting_count: 6 });
  await clock.advance(6 * MINUTE);
  for (const history of [one, two]) history.addTelemetry('alpha', { spool_waiting_count: 1 });
  await clock.advance(LIMITS.fleetHistoryWriteEveryMs);
  for (const history of [one, two]) {
    expect(history.events('alpha', { limit: 9 }).map(({ seq }) => seq)).toEqual([2, 1]);
    expect(history.curves('alpha', 'day')['spool_waiting_count']?.[0]).toEqual({ ts: BEGIN, value: 6 });
  }
});

test('forgets events beyond the number that is kept of a site, and everything after a month', async () => {
  const history = start();
  const count = LIMITS.fleetEventsPerSiteMax + 300;
  for (let seq = 1; seq <= count; seq += 1) history.addEvent('alpha', event(seq, BEGIN + seq));
  await clock.advance(2 * MINUTE);
  const kept = history.events('alpha', { limit: count });
  expect(kept).toHaveLength(LIMITS.fleetEventsPerSiteMax);
  expect(kept[0]?.seq).toBe(count);
  history.stop();
  clock = createFakeClock(BEGIN + 31 * DAY);
  open = [];
  const later = start();
  await clock.advance(2 * MINUTE);
  expect(later.events('alpha', { limit: count })).toEqual([]);
});

test('keeps its file within the size it may have by keeping less', async () => {
  const history = start(60_000);
  for (let step = 0; step < 120; step += 1) {
    for (let site = 0; site < 20; site += 1) {
      history.addTelemetry(`site-${site}`, { spool_waiting_count: step, spool_oldest_age_s: step });
    }
    await clock.advance(5 * MINUTE);
  }
  const points = history.curves('site-0', 'day')['spool_waiting_count'] ?? [];
  expect(points.length).toBeGreaterThan(3);
  expect(points.length).toBeLessThan(60);
  expect(points.at(-1)?.value).toBe(119);
});

test('shows what is there while nothing can be written, and writes the rest when the disk has room again', async () => {
  const history = start();
  history.addEvent('alpha', event(1));
  await clock.advance(LIMITS.fleetHistoryWriteEveryMs);
  const makeRoom = fillDisk();
  history.addEvent('alpha', event(2));
  expect(history.events('alpha', { limit: 5 }).map(({ seq }) => seq)).toEqual([1]);
  expect(history.curves('alpha', 'day')).toEqual({});
  await clock.advance(LIMITS.fleetHistoryWriteEveryMs);
  makeRoom();
  await clock.advance(LIMITS.fleetHistoryWriteEveryMs);
  expect(history.events('alpha', { limit: 5 }).map(({ seq }) => seq)).toEqual([2, 1]);
});

test('stops without an error where the last lines can not be written', () => {
  const history = start();
  const makeRoom = fillDisk();
  history.addEvent('alpha', event(1));
  expect(() => history.stop()).not.toThrow();
  makeRoom();
});

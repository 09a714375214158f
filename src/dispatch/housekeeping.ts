/** When the work beside the deliveries is done: before the first delivery, every hour, every day, after a clock jump. */

import * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import { DAY_MS, HOUR_MS } from '../core/durations.ts';
import { describeError, type Log } from '../core/log.ts';
import type { Spool } from '../spool/types.ts';
import { createRecall, type Recall, readEvents } from './history.ts';
import type { Holds } from './holds.ts';
import { FACTS_ROOM, type Lanes } from './lanes.ts';
import { failAged, freeStranded, type UpkeepDeps } from './upkeep.ts';

const RETRY_MS = 60_000;
const BOOKMARK_KEY = 'history';

const savedBookmark = z.int().min(0);

export interface Housekeeping {
  /** Does what has come due. What fails is logged and done again a minute later: it must not keep mail waiting. */
  run(): Promise<void>;
  /** The wall clock went back: times that it wrote before may now be far ahead. */
  clockWentBack(): void;
}

export interface HousekeepingDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  lanes: Lanes;
  holds: Holds;
  upkeep: UpkeepDeps;
}

/** Makes the housekeeping; the first `run` counts what earlier runs have sent. */
export function createHousekeeping(deps: HousekeepingDeps): Housekeeping {
  const { clock, spool, lanes, holds } = deps;
  let recall: Recall | null = null;
  // Not at the start: what waits gets its chance first, also behind a pause that was taken over.
  let hourlyAt = clock.monotonicMs() + HOUR_MS;
  let dailyAt = Number.NEGATIVE_INFINITY;
  let retryAt = Number.NEGATIVE_INFINITY;
  let hasStranded = true;

  async function loadBookmark(): Promise<number> {
    const facts = await spool.getFacts(FACTS_ROOM);
    // Without a readable bookmark the whole event table is read, which is only slower.
    return savedBookmark.catch(0).parse(facts.get(BOOKMARK_KEY));
  }

  /** Counts the last day's sending into the budgets, once per run of the agent, whatever fails on the way. */
  async function recallBudgets(): Promise<void> {
    if (dailyAt !== Number.NEGATIVE_INFINITY) return;
    recall ??= createRecall(clock.now(), await loadBookmark(), lanes.byId);
    holds.readFrom(await readEvents(spool, recall.cursor(), recall.visit));
    await saveBookmark(recall);
  }

  async function moveBookmark(): Promise<void> {
    if (clock.monotonicMs() < dailyAt) return;
    const mover = createRecall(clock.now(), await loadBookmark(), new Map());
    await readEvents(spool, mover.cursor(), mover.visit);
    await saveBookmark(mover);
  }

  async function saveBookmark(source: Recall): Promise<void> {
    const bookmark = source.bookmark();
    const write = () => spool.putFact(FACTS_ROOM, BOOKMARK_KEY, bookmark);
    // Also the first write of each run: where it fails, nothing is sent before the spool can record what becomes of it.
    await deps.upkeep.keeper.tryThenEnqueue({ write: 'bookmark' }, write);
    dailyAt = clock.monotonicMs() + DAY_MS;
  }

  async function free(): Promise<void> {
    if (!hasStranded) return;
    const { freed, isDone } = await freeStranded(clock.now(), deps.upkeep);
    hasStranded = !isDone;
    if (freed > 0) deps.log.warn('dispatch.stranded-freed', { recipients: freed });
  }

  async function failAgedHourly(): Promise<void> {
    if (clock.monotonicMs() < hourlyAt) return;
    await failAged(clock.now(), deps.upkeep);
    hourlyAt = clock.monotonicMs() + HOUR_MS;
  }

  async function runAll(): Promise<void> {
    await recallBudgets();
    await moveBookmark();
    await free();
    await failAgedHourly();
  }

  return {
    async run() {
      if (clock.monotonicMs() < retryAt) return;
      try {
        await runAll();
      } catch (error) {
        retryAt = clock.monotonicMs() + RETRY_MS;
        deps.log.error('dispatch.housekeeping-failed', { error: describeError(error) });
      }
    },
    clockWentBack: () => {
      hasStranded = true;
    },
  };
}

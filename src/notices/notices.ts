/**
 * Notices to people: follows the troubles in the event table and writes a message about each.
 *
 * The cursor is part of the commit of the notice it stands behind, so a crash neither loses a notice nor writes a
 * second one. Past the hourly cap the cursor just stays where it is, and what has gathered goes into one digest when
 * there is a place again. What has been dealt with in the meantime is not told any more. A notice that fails is told
 * by no further notice: it is an event and a problem in health.
 */
import type { Timer } from '../core/clock.ts';
import { HOUR_MS } from '../core/durations.ts';
import type { Explanation } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import { SpoolRefusal } from '../spool/types.ts';
import { createPasses } from './passes.ts';
import { PROBLEMS } from './problems.ts';
import { longestWaiting, lookInto, type Matter, readCases } from './reading.ts';
import type { NoticeSettings } from './settings.ts';
import { firstState, type NoticeState, nextPlaceAt, placesLeft, readState } from './state.ts';
import type { Notices, NoticesDeps } from './types.ts';
import { undeliveredOf } from './undelivered.ts';
import {
  FACTS_ROOM,
  STATE_KEY,
  type TellableMatter,
  type WriteDeps,
  writeDigest,
  writeNotice,
} from './write.ts';

/** Makes the notices; nothing is read before `start`. */
export function createNotices(deps: NoticesDeps): Notices {
  const { clock, log, spool } = deps;
  let { config } = deps;
  /** Null until it has been read. */
  let state: NoticeState | null = null;
  /** Changes that are not on the disk yet; after a crash they are found out again. */
  let isDirty = false;
  let isDelayDue = false;
  let unexplained = 0;
  const passes = createPasses(deps, pass);
  let unsubscribe = () => {};
  let delayTimer: Timer | null = null;

  async function pass(): Promise<number | null> {
    const { settings } = config;
    if (settings === null) return forget();
    const known = state ?? (await load());
    const waitMs = nextPlaceAt(known, settings.hourlyMax, clock.now()) - clock.now();
    if (waitMs > 0) return waitMs;
    const casesMax = settings.hourlyMax + LIMITS.noticeDigestCasesMax;
    const { cases, more, seq } = await readCases(spool, known.cursor, casesMax);
    const waiting = isDelayDue ? await delayCase(known, settings) : null;
    const matters: Matter[] = [];
    for (const one of waiting === null ? cases : [...cases, waiting]) {
      const matter = await lookInto(one, { state: known, to: settings.to }, deps);
      if (matter !== null) matters.push(matter);
    }
    const writing = { ...deps, config, to: settings.to, hourlyMax: settings.hourlyMax };
    return tellAll(matters, { more, seq, state: known }, writing);
  }

  async function tellAll(
    matters: readonly Matter[],
    read: { more: number; seq: number; state: NoticeState },
    writing: WriteDeps,
  ): Promise<null> {
    const tellable = matters.filter((matter): matter is TellableMatter => !('failedNotice' in matter));
    const places = placesLeft(read.state, writing.hourlyMax, clock.now());
    const isTooMany = tellable.length + read.more > places;
    const singly = isTooMany ? tellable.slice(0, places - 1) : tellable;
    for (const matter of matters) if ('failedNotice' in matter) await recordFailure(matter);
    for (const matter of singly) await tell(matter, writing);
    const now = state ?? read.state;
    if (isTooMany) {
      state = await writeDigest(tellable.slice(singly.length), { ...read, state: now }, writing);
    } else if (read.seq > now.cursor) change({ cursor: read.seq });
    return null;
  }

  async function tell(matter: TellableMatter, writing: WriteDeps): Promise<void> {
    if (state === null) return;
    try {
      state = await writeNotice(matter, state, writing);
      unexplained = 0;
    } catch (error) {
      // What fails for a reason nobody knows must not keep every later notice waiting.
      if (error instanceof SpoolRefusal || ++unexplained < LIMITS.unexplainedWriteTriesMax) throw error;
      unexplained = 0;
      const message = 'detail' in matter ? matter.detail.head.id : '';
      await record(message, writing.to.join(', '), PROBLEMS.notWritten(describeError(error)));
    }
  }

  async function recordFailure({ failedNotice, recipients }: FailedNotice): Promise<void> {
    const { id } = failedNotice.head;
    const [first] = recipients;
    if (first === undefined || state?.failed?.message === id) return;
    await record(id, first.address, PROBLEMS.notDelivered(first.address, first.cause));
    change({ failed: { message: id, recipient: first.address, cause: first.cause } });
  }

  async function record(message: string, recipient: string, { code, cause }: Explanation): Promise<void> {
    log.error('notice.failed', { message, code, cause });
    await spool.record({ type: 'notice.failed', data: { message, recipient, code, cause } });
  }

  async function delayCase(known: NoticeState, { to }: NoticeSettings) {
    if (!clock.isSet()) return null;
    const found = await longestWaiting(
      deps,
      Math.min(LIMITS.noticeDelayMs, config.maxAgeHours * QUARTER_HOUR_MS),
    );
    if (found === null && known.isDelayTold) change({ isDelayTold: false });
    // A notice that waits behind the same pause would only come when it is over.
    if (found !== null && !known.isDelayTold && !to.some(deps.canGoNow)) return null;
    isDelayDue = false;
    return known.isDelayTold ? null : found;
  }

  function change(part: Partial<NoticeState>): void {
    if (state === null) return;
    state = { ...state, ...part };
    isDirty = true;
  }

  async function load(): Promise<NoticeState> {
    const saved = readState((await spool.getFacts(FACTS_ROOM)).get(STATE_KEY));
    // What was there before anybody asked to be told is not told.
    const loaded = saved ?? firstState((await readCases(spool, 0, 0)).seq);
    if (saved === null) await spool.putFact(FACTS_ROOM, STATE_KEY, loaded);
    state = loaded;
    return loaded;
  }

  async function forget(): Promise<null> {
    const facts = await spool.getFacts(FACTS_ROOM);
    if (facts.has(STATE_KEY)) await spool.deleteFact(FACTS_ROOM, STATE_KEY);
    state = null;
    isDirty = false;
    return null;
  }

  async function save(): Promise<void> {
    if (!isDirty || state === null) return;
    try {
      await spool.putFact(FACTS_ROOM, STATE_KEY, state);
    } catch (error) {
      // The next start reads the same events again, and finds that there is nothing to tell.
      log.warn('notice.state-not-saved', { error: describeError(error) });
    }
  }

  function lookForDelay(): void {
    isDelayDue = true;
    passes.plan(0);
    delayTimer = clock.schedule(LIMITS.noticeDelayLookMs, lookForDelay);
  }

  return {
    async start() {
      unsubscribe = spool.onChange(() => passes.plan(LIMITS.noticeGatherMs));
      delayTimer = clock.schedule(LIMITS.noticeDelayLookMs, lookForDelay);
      passes.start();
    },
    async stop() {
      unsubscribe();
      delayTimer?.cancel();
      await passes.stop();
      await save();
    },
    async replace(next) {
      config = next;
      // Where notices begin or end is then settled, for whatever comes after.
      await passes.now();
    },
    async trouble() {
      const failed = state?.failed ?? null;
      const detail = failed === null ? null : await spool.show(failed.message);
      const isOpen = detail !== null && undeliveredOf(detail, deps.adviceFor).length > 0;
      return failed !== null && isOpen ? PROBLEMS.notDelivered(failed.recipient, failed.cause) : null;
    },
  };
}

/** A quarter of the time that a message has, per hour of it. */
const QUARTER_HOUR_MS = HOUR_MS / 4;

type FailedNotice = Extract<Matter, { failedNotice: unknown }>;

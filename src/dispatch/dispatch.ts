/**
 * Dispatch: claims what is due, hands it to a route, writes the outcome.
 *
 * How it works, in short:
 * - A pass claims as many messages as can start, and starts them, as long as something can; passes never overlap. They
 *   are woken by the spool (new or due messages), by the end of a delivery, and by the time the last pass named.
 * - A lane per route knows whether a message may start on it: breaker, budgets, connections. A recipient goes to
 *   the first open lane of its rule, or the least used of a group; a busy lane is waited for, a paused one is
 *   passed over.
 * - Domains whose lanes are all paused or busy are left out of the claims, so nothing is claimed twice in vain and
 *   nothing starves behind it.
 * - Claims live in memory only. What is not settled is given back, and a crash gives everything back by itself.
 * - A route fault spends no try, and neither does waiting for a budget; see breaker.ts, budget.ts.
 * - While the spool can't record what was sent, nothing is started; see keeper.ts.
 */
import { HOUR_MS } from '../core/durations.ts';
import type { NewEvent } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import type { MessageId } from '../core/message.ts';
import type { Claim, ClaimFilter } from '../spool/types.ts';
import { createChooser } from './chooser.ts';
import { createClockGate } from './clock-gate.ts';
import { createClockWatch } from './clock-watch.ts';
import { carryOut, giveBack } from './delivery.ts';
import { explain } from './explanations.ts';
import { forecast } from './forecast.ts';
import { createHolds } from './holds.ts';
import { createHousekeeping } from './housekeeping.ts';
import { createKeeper } from './keeper.ts';
import type { Lane } from './lane.ts';
import { createLanes, FACTS_ROOM } from './lanes.ts';
import { createLoop } from './loop.ts';
import { planClaim } from './plan.ts';
import type { AttemptStart, Dispatch, DispatchDeps, RouteStatus } from './types.ts';
import { createUnanswered } from './unanswered.ts';
import { endsWithin } from './wait.ts';

/** Guard against a spool that says something is due and then gives nothing. */
const DUE_NOW_WAIT_MS = 1000;

/** Makes the dispatcher; nothing is claimed before `start`. */
export function createDispatch(deps: DispatchDeps): Dispatch {
  const { clock, log, spool } = deps;
  const age = { maxAgeMs: deps.maxAgeHours * HOUR_MS };
  const keeper = createKeeper({ clock, log, onHealed: () => loop.wake() });
  const loop = createLoop({ clock, log, pass });
  const lanes = createLanes(deps, keeper, loop.wake);
  const chooser = createChooser({ clock, lanes, routing: deps.routing });
  const watch = createClockWatch(clock);
  const gate = createClockGate(clock, announceClock);
  const holds = createHolds(spool);
  const abort = new AbortController();
  /** Messages whose claims are being carried out, and the promise that ends with each. */
  const underWay = new Map<MessageId, Promise<void>>();
  let isStopping = false;
  let unsubscribe = () => {};

  const isUnderWay = (id: MessageId) => underWay.has(id);
  /** For each connection one message being sent and one whose outcome is being written: no connection waits for a disk. */
  const underWayMax = () => Math.min(Math.max(2 * lanes.connections(), 1), LIMITS.deliveriesMax);
  const upkeep = {
    spool,
    keeper,
    watch,
    age,
    whyWaiting: chooser.whyWaiting,
    isUnderWay,
    isStopping: () => isStopping,
  };
  const housekeeping = createHousekeeping({ clock, log, spool, lanes, holds, upkeep });
  const unanswered = createUnanswered({ clock, log, spool, keeper, watch, age, random: deps.random });
  const { signal } = abort;
  const watchers = new Set<(attempt: AttemptStart) => void>();
  const onAttempt = (attempt: AttemptStart) => {
    if (watchers.size > 0) for (const watcher of [...watchers]) watcher(attempt);
  };
  const planning = {
    decide: chooser.decide,
    findHeld: (lane: Lane, { head }: Claim) => holds.find(lane.route.id, head),
  };
  const { random } = deps;
  const told = { onAttempt, onAttempted: loop.wake };
  const delivery = { spool, clock, log, keeper, holds, watch, age, random, signal, ...told };

  function announceClock(event: NewEvent): void {
    log.warn(event.type, event.data);
    keeper.enqueue({ write: event.type }, () => spool.record(event));
  }

  async function pass(): Promise<number> {
    if (watch.jumpMs() < 0) housekeeping.clockWentBack();
    if (!gate.isOpen()) return LIMITS.clockPollMs;
    // First: it counts in the budgets, and nobody in it may be sent meanwhile.
    await unanswered.record();
    // What the disk refused of that would be missing in the budgets, which are recalled once.
    if (keeper.failingSince() === null) await housekeeping.run();
    const filter = await startWhatCan();
    return waitUntilNext(filter);
  }

  /**
   * Claims as many messages as surely find a place, again and again: an answer of the spool may wait for a commit, so
   * one at a time would be one a commit. Resolves with the filter under which nothing more was found.
   */
  async function startWhatCan(): Promise<ClaimFilter | null> {
    while (mayStart() && underWay.size < underWayMax()) {
      const filter = chooser.claimable();
      const limit = Math.max(1, Math.min(lanes.places(), underWayMax() - underWay.size));
      const claims = filter === null ? [] : await spool.claimDue(clock.now(), filter, limit);
      if (claims.length === 0) return filter;
      await startAll(claims);
    }
    return null;
  }

  /** What can't be recorded is not sent: it would go a second time after a restart. */
  const mayStart = () => !isStopping && keeper.failingSince() === null;

  async function startAll(claims: readonly Claim[]): Promise<void> {
    try {
      // After the claims: whatever was released before them is then known.
      await holds.refresh();
    } catch (error) {
      for (const claim of claims) await giveBack(claim.head.id, { keeper, spool });
      throw error;
    }
    for (const claim of claims) {
      if (mayStart()) start(claim);
      else await giveBack(claim.head.id, { keeper, spool });
    }
  }

  function start(claim: Claim): void {
    const { id } = claim.head;
    const end = carryOut(planClaim(claim, planning), delivery).then(() => {
      // The spool has ended the claim by now, and the same message may be under way again.
      if (underWay.get(id) === end) underWay.delete(id);
      loop.wake();
    });
    underWay.set(id, end);
  }

  async function waitUntilNext(filter: ClaimFilter | null): Promise<number> {
    const changeAt = lanes.nextChangeAt();
    const waits = [LIMITS.dispatchSleepMaxMs];
    if (changeAt !== null) waits.push(changeAt - clock.monotonicMs());
    const dueAt = filter === null ? null : await spool.nextDueAt(filter);
    if (dueAt !== null) waits.push(dueAt > clock.now() ? dueAt - clock.now() : DUE_NOW_WAIT_MS);
    return Math.min(...waits);
  }

  function statusOf(status: RouteStatus): RouteStatus {
    const pause = status.pause ?? pauseOfAll();
    return pause === status.pause ? status : { ...status, state: 'paused', pause };
  }

  /** What keeps every route from sending. */
  function pauseOfAll(): RouteStatus['pause'] {
    const unset = gate.closedSince();
    if (unset !== null) {
      const until = clock.now() + LIMITS.clockPollMs;
      return { ...explain('clock.unset'), reply: null, since: unset, until, needsPerson: false };
    }
    const since = keeper.failingSince();
    if (since === null) return null;
    const until = clock.now() + LIMITS.writeRetryMaxMs;
    return { ...explain('dispatch.unrecordable'), reply: null, since, until, needsPerson: true };
  }

  async function finishUnderWay(): Promise<void> {
    const ended = async () => {
      await loop.stop();
      await Promise.all(underWay.values());
    };
    if (await endsWithin(clock, LIMITS.deliveryStopGraceMs, ended())) return;
    abort.abort();
    keeper.stop();
    if (await endsWithin(clock, LIMITS.deliveryStopHardMs - LIMITS.deliveryStopGraceMs, ended())) return;
    // The spool forgets its claims when it stops; what is left is queued on disk and sent at the next start.
    log.warn('dispatch.left-unfinished', { messages: [...underWay.keys()] });
  }

  return {
    async start() {
      lanes.restore(await spool.getFacts(FACTS_ROOM));
      unsubscribe = spool.onChange(loop.wake);
      loop.wake();
    },
    async stop() {
      isStopping = true;
      unsubscribe();
      await finishUnderWay();
      keeper.stop();
      await endsWithin(clock, LIMITS.roomStopMaxMs - LIMITS.deliveryStopHardMs, keeper.idle());
    },
    routes: () => [...lanes.byId.values()].map((lane) => statusOf(lane.status())),
    pauseRoute: (id, by) => lanes.get(id).breaker.pauseBy(by),
    resumeRoute: (id, by) => lanes.get(id).resumeBy(by),
    async forecast(recipientIds) {
      if (pauseOfAll() !== null) return new Map();
      const waiting = await spool.waiting(LIMITS.spoolAnswerRowsMax);
      return forecast({ waiting, wanted: new Set(recipientIds), outlookFor: chooser.outlookFor });
    },
    async replace(change) {
      lanes.replace(change.routes);
      chooser.replaceRouting(change.routing);
      age.maxAgeMs = change.maxAgeHours * HOUR_MS;
      const before = [...underWay.values()];
      loop.wake();
      await Promise.all(before);
    },
    onAttempt(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    wake: loop.wake,
  };
}

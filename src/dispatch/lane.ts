/** One route with all that decides whether a message may start on it now: breaker, budget, connections. */
import type { Clock } from '../core/clock.ts';
import type { NewEvent } from '../core/events.ts';
import { domainOf } from '../core/message.ts';
import type { DeliveryReport } from '../core/outcome.ts';
import type { Route } from '../routes/types.ts';
import {
  type Breaker,
  type BreakerTicket,
  createBreaker,
  type RouteVerdict,
  type SavedPause,
} from './breaker.ts';
import { type Budget, createBudget, type Spend } from './budget.ts';
import { explain } from './explanations.ts';
import type { RoutePause, RouteStatus } from './types.ts';

/** How long a route works with one connection after the other side counted too many (432 4.3.2). */
const NARROW_MS = 10 * 60_000;
/** Code for too many connections at once (Microsoft Learn, SMTP submission improvements). */
const TOO_MANY_CONNECTIONS = 432;

export interface LaneTicket {
  breaker: BreakerTicket;
  /** Null when nobody outside the tenant is in the envelope. */
  outside: BreakerTicket | null;
  spend: Spend;
}

/** The pauses of a lane, as kept on disk. */
export interface SavedLane extends SavedPause {
  outside?: SavedPause['fault'];
}

export interface Lane {
  readonly route: Route;
  readonly breaker: Breaker;
  readonly budget: Budget;
  /** Not paused, and the day's recipients are not used up: recipients wait for this route rather than for the next. */
  isOpen(): boolean;
  /** Open, and this recipient does not wait because it is outside the tenant. */
  isOpenFor(address: string): boolean;
  /** Why this recipient waits for the lane, or null. */
  pauseFor(address: string): RoutePause | null;
  /** Whether this recipient waits while only outside mail is paused. */
  isPausedOutside(address: string): boolean;
  /** Open, with a free connection and room in the minute: a message may start at once. */
  isReady(): boolean;
  /** Messages that may start at once: one where a paused route is to be probed. */
  places(): number;
  /** How much of the minute, the day or the connections is in use, whichever is most: from 0 to 1. */
  load(): number;
  /** Most recipients of the next envelope. */
  envelopeMax(): number;
  /** Takes another route of the same id; budget, pause and what is under way stay. */
  replaceRoute(route: Route): void;
  begin(addresses: readonly string[]): LaneTicket;
  /** Gives the connection back; `report` is null when the attempt told nothing about the route. */
  end(ticket: LaneTicket, report: DeliveryReport | null): void;
  /** Ends every pause. */
  resumeBy(by: string): void;
  saved(): SavedLane;
  restore(saved: SavedLane): void;
  /** Monotonic time at which time alone may make the lane ready again, or null. */
  nextChangeAt(): number | null;
  status(): RouteStatus;
}

export interface LaneDeps {
  route: Route;
  clock: Clock;
  random(): number;
  announce(event: NewEvent): void;
}

/** Makes the lane of one route. */
export function createLane(deps: LaneDeps): Lane {
  const { clock } = deps;
  let route = deps.route;
  const breaker = createBreaker({ ...deps, routeId: route.id });
  const outside = createBreaker({ ...deps, routeId: route.id, scope: 'outside' });
  const budget = createBudget(
    {
      get messagesPerMinute() {
        return route.limits.messagesPerMinute;
      },
      get recipientsPerDay() {
        return route.limits.recipientsPerDay;
      },
    },
    clock,
  );
  let connectionsInUse = 0;
  let narrowUntil = Number.NEGATIVE_INFINITY;
  let lastSuccessAt: number | null = null;
  let dayUsedSince: number | null = null;

  const connectionsMax = () => (clock.monotonicMs() < narrowUntil ? 1 : route.limits.connections);
  // A probe goes alone: what is still under way from before the pause could hide what the probe finds.
  const admits = () => breaker.admits() && (breaker.state() === 'open' || connectionsInUse === 0);
  const isOpen = () => admits() && budget.recipientsLeft() > 0;

  const isOutside = (address: string) => !(route.ownDomains ?? []).includes(domainOf(address));
  const isPausedOutside = (address: string) => outside.pause() !== null && isOutside(address);

  function places(): number {
    if (!isOpen()) return 0;
    const connectionsLeft = breaker.state() === 'open' ? connectionsMax() - connectionsInUse : 1;
    return Math.max(0, Math.min(connectionsLeft, budget.messagesLeft(), budget.recipientsLeft()));
  }

  function noteDayUsed(): void {
    dayUsedSince = budget.recipientsLeft() > 0 ? null : (dayUsedSince ?? clock.now());
  }

  function dayBudgetPause(): RoutePause | null {
    noteDayUsed();
    if (dayUsedSince === null) return null;
    const freeAt = budget.nextFreeAt();
    const waitMs = freeAt === null ? 0 : Math.max(0, freeAt - clock.monotonicMs());
    const why = explain('route.day-budget-used', { route: route.id });
    return { ...why, reply: null, since: dayUsedSince, until: clock.now() + waitMs, needsPerson: false };
  }

  const pause = () => breaker.pause() ?? dayBudgetPause();

  function status(): RouteStatus {
    const outsidePause = outside.pause();
    return {
      id: route.id,
      kind: route.kind,
      state: breaker.state() === 'open' && budget.recipientsLeft() === 0 ? 'paused' : breaker.state(),
      pause: pause(),
      ...(outsidePause && { outsidePause }),
      lastSuccessAt,
      connectionsInUse,
      budget: { messagesThisMinute: budget.messagesLeft(), recipientsToday: budget.recipientsLeft() },
    };
  }

  return {
    get route() {
      return route;
    },
    breaker,
    budget,
    isOpen,
    isOpenFor: (address) => isOpen() && (!isPausedOutside(address) || outside.admits()),
    pauseFor: (address) => pause() ?? (isOutside(address) ? outside.pause() : null),
    isPausedOutside,
    isReady: () => places() > 0,
    places,
    load: () =>
      Math.max(
        connectionsInUse / connectionsMax(),
        1 - budget.messagesLeft() / route.limits.messagesPerMinute,
        1 - budget.recipientsLeft() / route.limits.recipientsPerDay,
      ),
    envelopeMax: () => Math.min(route.limits.recipientsPerMessage, budget.recipientsLeft()),
    replaceRoute(next) {
      route = next;
      breaker.probeSoon();
      outside.probeSoon();
    },
    begin(addresses) {
      connectionsInUse++;
      const ticket = {
        breaker: breaker.begin(),
        outside: addresses.some(isOutside) ? outside.begin() : null,
        spend: budget.take(addresses.length),
      };
      noteDayUsed();
      return ticket;
    },
    end(ticket, report) {
      connectionsInUse--;
      budget.settle(ticket.spend, report ? countAccepted(report) : 0);
      breaker.end(ticket.breaker, verdictOf(report));
      const verdict = outsideVerdictOf(report, isOutside);
      if (ticket.outside) outside.end(ticket.outside, verdict);
      if (report && wasTooManyConnections(report)) narrowUntil = clock.monotonicMs() + NARROW_MS;
      if (report && hasDelivered(report)) lastSuccessAt = clock.now();
    },
    nextChangeAt() {
      const now = clock.monotonicMs();
      const times = [breaker.probeAt(), outside.probeAt(), budget.nextFreeAt(), narrowUntil];
      const future = times.filter((time): time is number => time !== null && time > now);
      return future.length === 0 ? null : Math.min(...future);
    },
    resumeBy(by) {
      breaker.resumeBy(by);
      outside.resumeBy(by);
    },
    saved: () => ({ ...breaker.saved(), outside: outside.saved().fault }),
    restore(saved) {
      breaker.restore(saved);
      outside.restore({ fault: saved.outside ?? null, operator: null });
    },
    status,
  };
}

/** Recipients the other side has taken, or may have. */
function countAccepted(report: DeliveryReport): number {
  return report.results.filter(
    ({ outcome }) => outcome.kind === 'delivered' || (outcome.kind === 'retry' && outcome.uncertain),
  ).length;
}

/** A connection that broke in the middle is no fault of the route, but no success either. */
export function hasDelivered(report: DeliveryReport): boolean {
  return report.results.some(({ outcome }) => outcome.kind === 'delivered');
}

function verdictOf(report: DeliveryReport | null): RouteVerdict {
  if (!report) return { kind: 'unknown' };
  return report.fault ? { kind: 'fault', fault: report.fault } : { kind: 'good' };
}

/** What an attempt with outside recipients tells about all of them: one that arrived ends their pause. */
function outsideVerdictOf(
  report: DeliveryReport | null,
  isOutside: (address: string) => boolean,
): RouteVerdict {
  if (report?.outsideFault) return { kind: 'fault', fault: report.outsideFault };
  const hasArrived = report?.results.some(
    ({ address, outcome }) => outcome.kind === 'delivered' && isOutside(address),
  );
  return { kind: hasArrived ? 'good' : 'unknown' };
}

function wasTooManyConnections({ fault }: DeliveryReport): boolean {
  return fault?.reply?.code === TOO_MANY_CONNECTIONS;
}

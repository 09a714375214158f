/**
 * The circuit breaker of one route: a fault pauses it, one probe at a time asks whether it has healed.
 *
 *   open --fault--> paused --time passes--> probing --probe good--> open
 *                      ^---- probe at fault: longer ---'
 *
 * A pause by an operator lies over all that and ends only by an operator. Each change is announced once.
 */

import type { Clock } from '../core/clock.ts';
import { MINUTE_MS as MINUTE, SECOND_MS as SECOND } from '../core/durations.ts';
import type { Explanation } from '../core/errors.ts';
import type { NewEvent } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import type { RouteFault } from '../core/outcome.ts';
import { explain } from './explanations.ts';
import { jittered } from './schedule.ts';
import type { RouteState, RouteStatus } from './types.ts';

/** Pauses after the first, second, ... fault in a row; the last one repeats. */
const PAUSES_MS = [30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE];

/** A fault that a person must heal starts here: Microsoft locks an account after a row of refused sign-ins. */
const NEEDS_PERSON_LEVEL = 3;

/** `until` of a pause without an end of its own: the last instant a Date can hold. */
export const NO_END = 8_640_000_000_000_000;

/** A pause by fault, as kept on disk: a restart must not announce it a second time. */
export interface FaultPause {
  why: Explanation;
  reply: string | null;
  needsPerson: boolean;
  since: number;
  /** Wall clock until which the other side asked for quiet; left out where it asked for nothing. */
  quietUntil?: number;
}

export interface OperatorPause {
  by: string;
  since: number;
}

export interface SavedPause {
  fault: FaultPause | null;
  operator: OperatorPause | null;
}

/** Marks an attempt; only the probe's end decides about a paused route. */
export interface BreakerTicket {
  probe: boolean;
}

export type RouteVerdict = { kind: 'good' } | { kind: 'fault'; fault: RouteFault } | { kind: 'unknown' };

export interface Breaker {
  state(): RouteState;
  pause(): RouteStatus['pause'];
  /** Whether a message may start; in `probing` only one, which becomes the probe. */
  admits(): boolean;
  begin(): BreakerTicket;
  end(ticket: BreakerTicket, verdict: RouteVerdict): void;
  pauseBy(by: string): void;
  /** Ends both kinds of pause. */
  resumeBy(by: string): void;
  /** A pause by fault is probed at once: a person has changed something that may have healed it. */
  probeSoon(): void;
  /** Monotonic time at which a probe may go, or null when nothing ends by itself. */
  probeAt(): number | null;
  saved(): SavedPause;
  /** Takes over the pause of an earlier run; a pause by fault is probed as soon as the other side allowed it. */
  restore(saved: SavedPause): void;
}

export interface BreakerDeps {
  routeId: string;
  /** Set when it stands for outside recipients alone. */
  scope?: 'outside';
  clock: Clock;
  random(): number;
  /** Called once per change, after the state has changed. */
  announce(event: NewEvent): void;
}

interface Fault extends FaultPause {
  /** Index into PAUSES_MS. */
  level: number;
  /** Monotonic time of the next probe, and the wall clock's for people. */
  probeAt: number;
  until: number;
  probing: boolean;
}

/** Makes the breaker of one route, open. */
export function createBreaker(deps: BreakerDeps): Breaker {
  const { clock } = deps;
  const whom = { route: deps.routeId, ...(deps.scope && { scope: deps.scope }) };
  let fault: Fault | null = null;
  let operator: OperatorPause | null = null;

  function state(): RouteState {
    if (operator) return 'paused';
    if (!fault) return 'open';
    return clock.monotonicMs() >= fault.probeAt ? 'probing' : 'paused';
  }

  function pauseFor(cause: RouteFault, level: number, since: number): Fault {
    const planned = jittered(PAUSES_MS[Math.min(level, PAUSES_MS.length - 1)] ?? MINUTE, deps.random());
    const delayMs = Math.min(Math.max(planned, cause.retryAfterMs ?? 0), LIMITS.routePauseMaxMs);
    return {
      why: cause.why,
      reply: cause.reply?.text ?? null,
      needsPerson: cause.needsPerson,
      since,
      level,
      probeAt: clock.monotonicMs() + delayMs,
      until: clock.now() + delayMs,
      ...(cause.retryAfterMs !== null && { quietUntil: clock.now() + delayMs }),
      probing: false,
    };
  }

  /** A wall clock that was wrong meanwhile must not stretch the pause. */
  function resumeFault(saved: FaultPause): Fault {
    const leftMs = Math.max(0, (saved.quietUntil ?? 0) - clock.now());
    const delayMs = Math.min(leftMs, LIMITS.routePauseMaxMs);
    const times = { probeAt: clock.monotonicMs() + delayMs, until: clock.now() + delayMs };
    return { ...saved, ...times, level: 0, probing: false };
  }

  function announcePause(pause: NonNullable<RouteStatus['pause']>): void {
    const { code, cause, advice, until, needsPerson } = pause;
    const data = { ...whom, code, cause, advice, until, needsPerson };
    deps.announce({ type: 'route.paused', data });
  }

  function announceResume(since: number, by: string): void {
    const pausedMs = Math.max(0, clock.now() - since);
    deps.announce({ type: 'route.resumed', data: { ...whom, pausedMs, by } });
  }

  function onFault(ticket: BreakerTicket, cause: RouteFault): void {
    // Attempts that ran beside the first fault tell nothing new about a route that is paused already.
    if (fault && !ticket.probe) return;
    const before = fault;
    const first = cause.needsPerson ? NEEDS_PERSON_LEVEL : 0;
    fault = pauseFor(cause, before ? before.level + 1 : first, before?.since ?? clock.now());
    if (before?.why.code !== cause.why.code) announcePause(pauseOfFault(fault));
  }

  function onGood(ticket: BreakerTicket): void {
    if (!fault || !ticket.probe) return;
    const { since } = fault;
    fault = null;
    announceResume(since, 'probe');
  }

  return {
    state,
    pause() {
      if (operator) return pauseOfOperator(deps.routeId, operator);
      return fault && pauseOfFault(fault);
    },
    admits: () => state() === 'open' || (state() === 'probing' && !fault?.probing),
    begin() {
      if (!fault) return { probe: false };
      fault.probing = true;
      return { probe: true };
    },
    end(ticket, verdict) {
      if (ticket.probe && fault) fault.probing = false;
      if (verdict.kind === 'fault') onFault(ticket, verdict.fault);
      if (verdict.kind === 'good') onGood(ticket);
    },
    pauseBy(by) {
      if (operator) return;
      operator = { by, since: clock.now() };
      announcePause(pauseOfOperator(deps.routeId, operator));
    },
    resumeBy(by) {
      const since = operator?.since ?? fault?.since;
      operator = null;
      fault = null;
      if (since !== undefined) announceResume(since, by);
    },
    probeSoon() {
      if (fault) fault = { ...fault, probeAt: clock.monotonicMs(), until: clock.now() };
    },
    probeAt: () => (operator || !fault ? null : fault.probeAt),
    saved: () => ({ fault: fault && faultPauseOf(fault), operator }),
    restore(saved) {
      operator ??= saved.operator;
      fault ??= saved.fault && resumeFault(saved.fault);
    },
  };
}

function faultPauseOf({ why, reply, needsPerson, since, quietUntil }: Fault): FaultPause {
  return { why, reply, needsPerson, since, ...(quietUntil !== undefined && { quietUntil }) };
}

function pauseOfFault(fault: Fault): NonNullable<RouteStatus['pause']> {
  const { why, reply, since, until, needsPerson } = fault;
  return { ...why, reply, since, until, needsPerson };
}

function pauseOfOperator(route: string, { by, since }: OperatorPause): NonNullable<RouteStatus['pause']> {
  const why = explain('route.paused-by-operator', { route, by });
  return { ...why, reply: null, since, until: NO_END, needsPerson: true };
}

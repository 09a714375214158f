/** Which lane a recipient goes by now, who waits and why, and how long about: the routing over the lanes as they stand. */
import type { Clock } from '../core/clock.ts';
import { chooseRoute, claimFilterFor, routeIdsOf } from '../routes/choose.ts';
import type { RoutingRule } from '../routes/settings.ts';
import type { ClaimFilter } from '../spool/types.ts';
import { NO_END } from './breaker.ts';
import type { Outlook } from './forecast.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { Decision } from './plan.ts';

export interface Chooser {
  decide(address: string): Decision;
  /** What may start now, or null when nothing may: whoever waits for a paused or busy lane is not even claimed. */
  claimable(): ClaimFilter | null;
  /** The trouble of the routes that could carry this recipient, or null when one of them is in order. */
  whyWaiting(address: string): string | null;
  /** How the routes for a recipient domain stand; null when none can carry it. */
  outlookFor(domain: string): Outlook | null;
  replaceRouting(routing: readonly RoutingRule[]): void;
}

export interface ChooserDeps {
  clock: Clock;
  lanes: Lanes;
  routing: readonly RoutingRule[];
}

export function createChooser({ clock, lanes, routing: first }: ChooserDeps): Chooser {
  let routing = first;
  const isOpenFor = (lane: Lane, address: string) => lane.isOpenFor(address);
  const choose = (address: string, isUsable = isOpenFor) => {
    const isUsableId = (id: string) => isUsable(lanes.get(id), address);
    return chooseRoute(routing, address, isUsableId, lanes.routes);
  };

  function decide(address: string): Decision {
    const choice = choose(address);
    if (choice.kind === 'impossible') return choice;
    if (choice.kind === 'wait') return { kind: 'wait' };
    let free: Lane | null = null;
    for (const id of choice.among) {
      const lane = lanes.get(id);
      if (lane.isReady() && (free === null || lane.load() < free.load())) free = lane;
    }
    return free === null ? { kind: 'wait' } : { kind: 'start', lane: free };
  }

  function ableLanes(rule: RoutingRule, address: string): Lane[] {
    return routeIdsOf(rule)
      .filter((id) => lanes.routes.get(id)?.canCarry(address))
      .map((id) => lanes.get(id));
  }

  function opensAt(lane: Lane, address: string): number {
    return Math.max(clock.now(), lane.pauseFor(address)?.until ?? 0);
  }

  /** The lanes that will carry it: those of the group in use, or the one whose pause ends first. */
  function lanesAhead(address: string): Lane[] {
    const choice = choose(address);
    if (choice.kind === 'impossible') return [];
    if (choice.kind === 'use') return choice.among.map((id) => lanes.get(id));
    return [least(ableLanes(choice.rule, address), (lane) => opensAt(lane, address))].filter(
      (lane) => lane !== undefined,
    );
  }

  return {
    decide,
    claimable() {
      const isWaiting = (address: string) => decide(address).kind === 'wait';
      const filter = claimFilterFor(isWaiting, routing, lanes.routes);
      return filter.kind === 'only' && filter.domains.length === 0 ? null : filter;
    },
    whyWaiting(address) {
      const choice = choose(address, (lane) => lane.pauseFor(address) === null);
      if (choice.kind !== 'wait') return null;
      const causes = ableLanes(choice.rule, address).map((lane) => lane.pauseFor(address)?.cause);
      return causes.find((cause) => cause !== undefined) ?? null;
    },
    outlookFor(domain) {
      const address = `x@${domain}`;
      const ahead = lanesAhead(address);
      const [first] = ahead;
      return first === undefined ? null : outlookOf(address, ahead, opensAt(first, address));
    },
    replaceRouting(next) {
      routing = next;
    },
  };
}

function outlookOf(address: string, lanes: readonly Lane[], opensAt: number): Outlook {
  const isOpen = lanes.some((lane) => lane.isOpenFor(address));
  // Who waits outside stands in a queue of its own: the others pass it.
  const waitsOutside = lanes.some((lane) => lane.isPausedOutside(address));
  const sum = (figure: (lane: Lane) => number) => lanes.reduce((total, lane) => total + figure(lane), 0);
  return {
    key: [...lanes.map(({ route }) => route.id), waitsOutside ? 'outside' : ''].join(' '),
    opensAt: opensAt === NO_END ? null : opensAt,
    messagesLeft: isOpen ? sum((lane) => lane.budget.messagesLeft()) : 0,
    messagesPerMinute: sum((lane) => lane.route.limits.messagesPerMinute),
    // When the day is used up, one goes at the end of that pause; how many follow then, nobody knows.
    recipientsLeft: Math.max(
      1,
      sum((lane) => lane.budget.recipientsLeft()),
    ),
  };
}

/** The first of those with the lowest figure. */
function least<T>(items: readonly T[], figure: (item: T) => number): T | undefined {
  const figures = items.map(figure);
  return items[figures.indexOf(Math.min(...figures))];
}

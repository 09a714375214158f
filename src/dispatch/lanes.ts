/** All lanes together: made, found, restored after a restart, their changes recorded. */
import * as z from 'zod';
import { OperatorError } from '../core/errors.ts';
import type { NewEvent } from '../core/events.ts';
import type { Route } from '../routes/types.ts';
import { explain } from './explanations.ts';
import type { Keeper } from './keeper.ts';
import { createLane, type Lane, type SavedLane } from './lane.ts';
import type { DispatchDeps } from './types.ts';

/** Room of dispatch in the spool's table of facts. */
export const FACTS_ROOM = 'dispatch';

export interface Lanes {
  readonly byId: ReadonlyMap<string, Lane>;
  /** The routes themselves, for the choice between them. */
  readonly routes: ReadonlyMap<string, Route>;
  /** Throws OperatorError for an id that is no route. */
  get(id: string): Lane;
  /** Deliveries that all lanes together may have under way. */
  connections(): number;
  /** Messages that may start at once, whichever of the ready lanes they go by; 0 when none is ready. */
  places(): number;
  /** A lane stays with its route's id; those of other ids go, and what is under way on them ends by itself. */
  replace(routes: readonly Route[]): void;
  /** Takes over the pauses that an earlier run saved. */
  restore(facts: ReadonlyMap<string, unknown>): void;
  /** Monotonic time of the next change that time alone brings, or null. */
  nextChangeAt(): number | null;
}

const savedFault = z
  .object({
    why: z.object({ code: z.string(), cause: z.string(), advice: z.string() }),
    reply: z.string().nullable(),
    needsPerson: z.boolean(),
    since: z.number(),
    quietUntil: z.number().exactOptional(),
  })
  .nullable();
const savedLane: z.ZodType<SavedLane> = z.object({
  fault: savedFault,
  operator: z.object({ by: z.string(), since: z.number() }).nullable(),
  outside: savedFault.exactOptional(),
});

/** Makes a lane for each route; a change of a lane is logged, recorded as an event, and saved. */
export function createLanes(deps: DispatchDeps, keeper: Keeper, onChange: () => void): Lanes {
  const byId = new Map<string, Lane>();
  const routes = new Map<string, Route>();
  const { spool, log, clock, random } = deps;

  function announce(id: string, event: NewEvent): void {
    log[event.type === 'route.paused' ? 'warn' : 'info'](event.type, event.data);
    keeper.enqueue({ write: event.type, route: id }, () => spool.record(event));
    const saved = byId.get(id)?.saved();
    keeper.enqueue({ write: 'pause', route: id }, () => savePause(id, saved));
    onChange();
  }

  async function savePause(id: string, saved: SavedLane | undefined): Promise<void> {
    if (saved?.fault || saved?.operator || saved?.outside)
      await spool.putFact(FACTS_ROOM, pauseKey(id), saved);
    else await spool.deleteFact(FACTS_ROOM, pauseKey(id));
  }

  function laneFor(route: Route): Lane {
    const known = byId.get(route.id);
    known?.replaceRoute(route);
    return known ?? createLane({ route, clock, random, announce: (event) => announce(route.id, event) });
  }

  function place(next: readonly Route[]): void {
    const lanes = next.map(laneFor);
    byId.clear();
    routes.clear();
    for (const lane of lanes) {
      byId.set(lane.route.id, lane);
      routes.set(lane.route.id, lane.route);
    }
  }

  place(deps.routes);

  return {
    byId,
    routes,
    get(id) {
      const lane = byId.get(id);
      if (!lane) throw new OperatorError(explain('route.unknown', { route: id }));
      return lane;
    },
    connections: () => [...routes.values()].reduce((sum, route) => sum + route.limits.connections, 0),
    places() {
      const ready = [...byId.values()].map((lane) => lane.places()).filter((places) => places > 0);
      return ready.length === 0 ? 0 : Math.min(...ready);
    },
    replace(next) {
      const gone = [...byId.keys()].filter((id) => !next.some((route) => route.id === id));
      place(next);
      for (const id of gone) keeper.enqueue({ write: 'pause', route: id }, () => savePause(id, undefined));
    },
    restore(facts) {
      for (const [id, lane] of byId) {
        const saved = savedLane.safeParse(facts.get(pauseKey(id)));
        if (saved.success) lane.restore(saved.data);
      }
    },
    nextChangeAt() {
      const times = [...byId.values()].map((lane) => lane.nextChangeAt()).filter((time) => time !== null);
      return times.length === 0 ? null : Math.min(...times);
    },
  };
}

function pauseKey(id: string): string {
  return `pause/${id}`;
}

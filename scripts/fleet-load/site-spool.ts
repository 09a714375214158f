/** What room report asks of the spool, in memory: ten thousand databases would measure the disk of this machine. */
import type { EventRecord, NewEvent } from '../../src/core/events.ts';
import type { ReportDeps } from '../../src/report/types.ts';

export type SiteSpool = ReportDeps['spool'] & { add(event: NewEvent): void };

/** Enough that a site that lost its broker for minutes has all it wants to tell. */
const EVENTS_KEPT = 100;

export function createSiteSpool(now: () => number): SiteSpool {
  const rooms = new Map<string, Map<string, unknown>>();
  const listeners = new Set<() => void>();
  let events: EventRecord[] = [];
  let seq = 0;

  function roomOf(name: string): Map<string, unknown> {
    const room = rooms.get(name) ?? new Map<string, unknown>();
    rooms.set(name, room);
    return room;
  }

  function add(event: NewEvent): void {
    seq += 1;
    events = [...events, { ...event, seq, ts: now() }].slice(-EVENTS_KEPT);
    for (const listener of listeners) listener();
  }

  return {
    add,
    record: async (event) => add(event),
    events: async (afterSeq, limit) => events.filter((event) => event.seq > afterSeq).slice(0, limit),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getFacts: async (room) => new Map(roomOf(room)),
    putFact: async (room, key, value) => {
      roomOf(room).set(key, value);
    },
    deleteFact: async (room, key) => {
      roomOf(room).delete(key);
    },
  };
}

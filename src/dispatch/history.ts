/**
 * What the event table tells dispatch about the past: what each route has sent, and which messages were released.
 *
 * The event table is written with every settlement anyway, so the budgets of a day cost no write of their own: after
 * a restart they are counted from it, and a crash loses nothing that was recorded: what had come to its final dot is
 * recorded before (unanswered.ts). Only a bookmark is kept, moved once a day.
 */
import type { EventRecord } from '../core/events.ts';
import { DAY_WINDOW_MS, RATE_WINDOW_MS } from './budget.ts';
import type { Lane } from './lane.ts';

/** Events read at once; bounds the memory of a long history. */
const PAGE = 500;

/** The one call of the spool that history needs. */
export interface EventSource {
  events(afterSeq: number, limit: number): Promise<EventRecord[]>;
}

/** Shows `visit` every event after `seq`, oldest first; resolves with the last cursor seen. */
export async function readEvents(
  source: EventSource,
  seq: number,
  visit: (event: EventRecord) => void,
): Promise<number> {
  let cursor = seq;
  for (;;) {
    const page = await source.events(cursor, PAGE);
    for (const event of page) visit(event);
    cursor = page.at(-1)?.seq ?? cursor;
    if (page.length < PAGE) return cursor;
  }
}

export interface Recall {
  visit(event: EventRecord): void;
  /** Cursor of the last event seen, so that reading can go on after an error without counting twice. */
  cursor(): number;
  /** Cursor up to which every event is older than a day: where the next recall may begin. */
  bookmark(): number;
}

/** Counts sent messages and recipients of the last day into the lanes' budgets (none, when only moving the mark). */
export function createRecall(now: number, fromSeq: number, lanes: ReadonlyMap<string, Lane>): Recall {
  let cursor = fromSeq;
  let bookmark = fromSeq;
  let allOld = true;
  let lastMessage = '';

  function recallMessage(lane: Lane, event: EventRecord, message: string, agoMs: number): void {
    // The events of one attempt stand together and carry one time.
    const attempt = `${lane.route.id} ${message} ${event.ts}`;
    if (attempt === lastMessage || agoMs >= RATE_WINDOW_MS) return;
    lastMessage = attempt;
    lane.budget.recallMessage(agoMs);
  }

  return {
    visit(event) {
      cursor = event.seq;
      // A time in the future comes from a clock that was wrong; counting it as now is the careful reading.
      const agoMs = Math.max(0, now - event.ts);
      if (agoMs < DAY_WINDOW_MS) allOld = false;
      if (allOld) bookmark = event.seq;
      const sent = sentBy(event);
      const lane = sent && lanes.get(sent.route);
      if (!lane || agoMs >= DAY_WINDOW_MS) return;
      recallMessage(lane, event, sent.message, agoMs);
      if (sent.accepted) lane.budget.recallRecipient(agoMs);
    },
    cursor: () => cursor,
    bookmark: () => bookmark,
  };
}

function sentBy(event: EventRecord): { route: string; message: string; accepted: boolean } | null {
  switch (event.type) {
    case 'message.delivered':
      return { ...event.data, accepted: true };
    case 'message.deferred':
    case 'message.failed':
    case 'message.held':
    case 'route.failed': {
      // Older versions named no route in message.held.
      const { route = null, message } = event.data;
      const accepted = event.type === 'message.deferred' && event.data.uncertain;
      return route === null ? null : { route, message, accepted };
    }
    default:
      return null;
  }
}

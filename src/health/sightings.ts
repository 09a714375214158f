/**
 * What the event table tells of devices and of the agent's own starts: pure, event by event.
 *
 * Every record says up to which event it is told, so that events read again count once.
 */
import { DAY_MS } from '../core/durations.ts';
import type { EventRecord } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { type Day, dayOf, HABIT_DAYS } from './silence.ts';

/** A session that was refused. */
export interface Refusal {
  /** Epoch milliseconds. */
  at: number;
  code: string;
  /** A message has been accepted since. */
  isOver: boolean;
}

/** Whether a code says why a device can't send. */
export type IsTelling = (code: string) => boolean;

export interface DeviceRecord {
  /** Events up to this one are in. */
  seq: number;
  lastSeenAt: number | null;
  lastMessageAt: number | null;
  accepted: number;
  delivered: number;
  failed: number;
  failedInRow: number;
  refusedInRow: number;
  /** The latest that says why. */
  refusal: Refusal | null;
  /** TLS of the latest message; `none` in plain text. */
  tls: string | null;
  /** Days with a message, ascending, those of the habit alone. */
  days: Day[];
}

export interface SiteRecord {
  seq: number;
  /** Latest starts of the agent and failures of recipients, epoch milliseconds. */
  starts: number[];
  failures: number[];
  /** Newest event of all: until then the box ran. */
  lastEventAt: number | null;
  /** Whether the latest run has ended in order; null before the first start. */
  isStopped: boolean | null;
  /** Start after a run that did not. */
  uncleanAt: number | null;
  /** Days on which the box did not run. */
  offDays: Day[];
  /** The latest refusal of each address that is no device's, oldest first. */
  strangers: (Refusal & { address: string })[];
}

/** More are not told apart. */
const STARTS_MAX = 100;
const FAILURES_MAX = 1000;

export function newDeviceRecord(seq: number): DeviceRecord {
  return {
    ...{ seq, lastSeenAt: null, lastMessageAt: null, tls: null, days: [] },
    ...{ accepted: 0, delivered: 0, failed: 0, failedInRow: 0, refusedInRow: 0, refusal: null },
  };
}

export function newSiteRecord(): SiteRecord {
  return {
    ...{ seq: 0, starts: [], failures: [], offDays: [], strangers: [] },
    ...{ lastEventAt: null, isStopped: null, uncleanAt: null },
  };
}

/** Takes an event into the record of the device it is about; false when it told nothing new. */
export function tellDevice(record: DeviceRecord, event: EventRecord, isTelling: IsTelling): boolean {
  if (event.seq <= record.seq) return false;
  record.seq = event.seq;
  switch (event.type) {
    case 'message.accepted':
      record.lastSeenAt = event.ts;
      record.lastMessageAt = event.ts;
      record.accepted++;
      record.refusedInRow = 0;
      if (record.refusal !== null) record.refusal = { ...record.refusal, isOver: true };
      record.tls = event.data.tls?.protocol ?? 'none';
      record.days = withDay(record.days, dayOf(event.ts));
      return true;
    case 'session.refused':
      record.refusedInRow++;
      if (isTelling(event.data.code)) record.refusal = refusalOf(event);
      record.lastSeenAt = event.ts;
      return true;
    case 'session.unfinished':
    case 'device.tls-learned':
      record.lastSeenAt = event.ts;
      return true;
    case 'message.delivered':
      record.delivered++;
      record.failedInRow = 0;
      return true;
    case 'message.failed':
      record.failed++;
      record.failedInRow++;
      return true;
    default:
      return false;
  }
}

function refusalOf({ ts, data }: Extract<EventRecord, { type: 'session.refused' }>): Refusal {
  return { at: ts, code: data.code, isOver: false };
}

/** Takes what an address did that may be one of no known device; false when that told nothing worth keeping. */
export function tellStranger(
  record: SiteRecord,
  event: EventRecord,
  { isKnown, isTelling }: { isKnown: boolean; isTelling: IsTelling },
): boolean {
  if (event.seq <= record.seq) return false;
  if (event.type === 'session.refused' && !isKnown && isTelling(event.data.code)) {
    const { address } = event.data;
    const others = record.strangers.filter((one) => one.address !== address);
    record.strangers = [...others, { address, ...refusalOf(event) }].slice(-LIMITS.healthStrangersMax);
    return true;
  }
  if (event.type !== 'message.accepted') return false;
  const { address } = event.data;
  const refused = record.strangers.find((one) => one.address === address && !one.isOver);
  if (refused !== undefined) refused.isOver = true;
  return refused !== undefined;
}

/** Takes an event into the record of the site; false when it told nothing worth keeping. */
export function tellSite(record: SiteRecord, event: EventRecord): boolean {
  if (event.seq <= record.seq) return false;
  const before = record.lastEventAt;
  record.seq = event.seq;
  record.lastEventAt = event.ts;
  switch (event.type) {
    case 'agent.started':
      record.uncleanAt = record.isStopped === false ? event.ts : null;
      record.isStopped = false;
      record.starts = [...record.starts, event.ts].slice(-STARTS_MAX);
      if (before !== null) record.offDays = withGap(record.offDays, dayOf(before), dayOf(event.ts));
      return true;
    case 'agent.stopped':
      record.isStopped = true;
      return true;
    case 'message.failed':
      record.failures = [...record.failures.filter((at) => event.ts - at < DAY_MS), event.ts].slice(
        -FAILURES_MAX,
      );
      return true;
    default:
      return false;
  }
}

/** How many of these moments lie in the last 24 hours; what a clock that was ahead has written is not counted. */
export function countLately(moments: readonly number[], now: number): number {
  return moments.filter((at) => at <= now && now - at < DAY_MS).length;
}

/** A day that is not the newest comes from a clock that was set back; it is taken all the same. */
function withDay(days: readonly Day[], day: Day): Day[] {
  if (days.at(-1) === day) return [...days];
  const sorted = [...new Set([...days, day])].sort((a, b) => a - b);
  const newest = sorted.at(-1) ?? day;
  return sorted.filter((known) => known > newest - HABIT_DAYS);
}

function withGap(offDays: readonly Day[], from: Day, to: Day): Day[] {
  const gap = Array.from({ length: Math.min(HABIT_DAYS, Math.max(0, to - from - 1)) }, (_, i) => to - 1 - i);
  return [...new Set([...offDays, ...gap])].sort((a, b) => a - b).slice(-HABIT_DAYS);
}

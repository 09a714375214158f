/** What the notices remember over restarts: how far they have read, and whom they have told of what. */

import * as z from 'zod';
import { DAY_MS, HOUR_MS } from '../core/durations.ts';
import { LIMITS } from '../core/limits.ts';

const times = z.record(z.string(), z.number());

const savedState = z.object({
  /** Every trouble up to this one has been told, or is not to be. */
  cursor: z.int().min(0),
  /** The trouble whose scan's sender has been told already, though the others have not. */
  toldSender: z.int().min(0),
  /** When the notices of the last hour were written. */
  sentAt: z.array(z.number()),
  /** Unknown devices by address, and when they were told of. */
  devices: times,
  /** Routes, and the beginning of the pause that was told of. */
  pauses: times,
  /** Whether it has been told that messages wait for long. */
  isDelayTold: z.boolean(),
  /** The notice that failed last. */
  failed: z.object({ message: z.string(), recipient: z.string(), cause: z.string() }).nullable(),
});

/** Plain JSON; replaced as a whole, never changed in place. */
export type NoticeState = z.output<typeof savedState>;

export function firstState(cursor: number): NoticeState {
  return { cursor, toldSender: 0, sentAt: [], devices: {}, pauses: {}, isDelayTold: false, failed: null };
}

/** Null for what is no state: the notices then begin anew. */
export function readState(value: unknown): NoticeState | null {
  const parsed = savedState.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** When those notices were written that count against the cap now. */
function countedNotices({ sentAt }: NoticeState, now: number): number[] {
  // A time in the future was written by a clock that was wrong.
  return sentAt.filter((at) => at > now - HOUR_MS && at <= now);
}

/** When the cap lets the next notice through. */
export function nextPlaceAt(state: NoticeState, hourlyMax: number, now: number): number {
  const counted = countedNotices(state, now);
  return counted.length < hourlyMax ? now : (counted.at(-hourlyMax) ?? now) + HOUR_MS;
}

/** How many notices may still be written in this hour. */
export function placesLeft(state: NoticeState, hourlyMax: number, now: number): number {
  return Math.max(0, hourlyMax - countedNotices(state, now).length);
}

/** The state after a notice that tells of everything up to `cursor`. */
export function withNotice(state: NoticeState, cursor: number, now: number): NoticeState {
  return { ...state, cursor: Math.max(cursor, state.cursor), sentAt: [...countedNotices(state, now), now] };
}

/** Whether this unknown device has been told of within a day. */
export function isDeviceTold({ devices }: NoticeState, address: string, now: number): boolean {
  const at = devices[address];
  return at !== undefined && at > now - DAY_MS && at <= now;
}

export function withDevice(state: NoticeState, address: string, now: number): NoticeState {
  const recent = Object.entries(state.devices).filter(([known]) => isDeviceTold(state, known, now));
  const kept = recent.slice(-(LIMITS.noticeDevicesMax - 1));
  return { ...state, devices: { ...Object.fromEntries(kept), [address]: now } };
}

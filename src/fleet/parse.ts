/**
 * Reads what sites publish into types, bounded: whoever may write to one site's topics must not be able to fill the
 * memory of the watcher or write control characters to a terminal.
 */
import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import { GRADES } from '../health/types.ts';

/** C0, DEL and C1: an escape sequence in a name would be obeyed by a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;

/** A text of a site, on one line and not too long. */
export function cleanText(text: string): string {
  return text.replace(CONTROL, ' ').slice(0, LIMITS.fleetTextMax);
}

export const text = z.string().transform(cleanText);
const time = z.number().nonnegative();
const count = z.number().nonnegative();
export const grade = z.enum(GRADES);
export const explanation = z.object({ code: text, cause: text, advice: text });

export const infoShape = z.object({
  name: text,
  version: text,
  host: text,
  address: text.nullable(),
  started: time,
  connection: z.number(),
  running: z.boolean(),
  /** Left out by an agent that does not say how often it tells numbers. */
  telemetry_s: z.number().positive().optional(),
});
export type Info = z.output<typeof infoShape>;

const reading = z.object({
  value: z.union([z.number(), z.boolean(), text, z.null()]),
  unit: text,
  grade,
});

export const healthShape = z.object({
  ts: time,
  grade,
  metrics: z.record(text, reading).transform((all) => firstEntries(all, LIMITS.fleetReadingsMax)),
  problems: z
    .array(explanation.extend({ key: text, grade }))
    .transform((all) => all.slice(0, LIMITS.fleetProblemsMax)),
});
export type Health = z.output<typeof healthShape>;

export const telemetryShape = z
  .record(text, z.number())
  .transform((all) => firstEntries(all, LIMITS.fleetReadingsMax));

export const deviceShape = z.object({
  id: text,
  profile: text.nullable(),
  last_seen: time.nullable(),
  last_message: time.nullable(),
  accepted: count,
  delivered: count,
  failed: count,
  waiting: count,
  tls: text.nullable(),
  grade,
  problem: explanation.nullable(),
});

export const eventShape = z.object({
  seq: z.int().nonnegative(),
  ts: time,
  type: text,
  data: z.record(z.string(), z.unknown()),
});

export const responseShape = z.object({
  nonce: text,
  verb: text,
  ts: time,
  state: z.enum(['accepted', 'running', 'succeeded', 'failed', 'rejected']),
  result: z.unknown(),
  why: explanation.nullable(),
});
export type Response = z.output<typeof responseShape>;

function firstEntries<T>(all: Record<string, T>, most: number): Record<string, T> {
  const entries = Object.entries(all);
  return entries.length <= most ? all : Object.fromEntries(entries.slice(0, most));
}

/** The payload as `shape` says it; null for one that is too long, no JSON, or something else. */
export function parsePayload<T>(
  shape: z.ZodType<T>,
  payload: string,
  lengthMax: number = LIMITS.fleetPayloadBytesMax,
): T | null {
  if (payload.length > lengthMax) return null;
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    // Not JSON is one of the ways of being something else; the caller counts it.
    return null;
  }
  const parsed = shape.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** Ids as the config of a site allows them; anything else in a topic was not written by an agent. */
export function isSiteId(site: string): boolean {
  return /^[a-z0-9-]{1,64}$/.test(site);
}

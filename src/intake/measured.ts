/** What the sessions of one device have shown, put together: small, bounded, and newer than any file. Pure. */
import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import { union } from '../core/union.ts';
import { TLS_NAMES } from './client-hello.ts';
import type { SessionObservation } from './observation.ts';

const count = z.int().min(0);
const names = z.array(z.string().max(64)).max(40);

export const measuredSchema = z.object({
  firstAt: z.number(),
  lastAt: z.number(),
  sessions: count,
  messages: count,
  /** How its latest session started TLS, and how many in a row have done so. */
  start: z.enum(['plain', 'starttls', 'implicit']),
  startInRow: count,
  /** Its latest TLS hello; null before the first. */
  hello: z
    .object({
      format: z.enum(['v2', 'v3']),
      versions: z.array(z.enum(TLS_NAMES)),
      suites: z.array(count).max(LIMITS.helloSuitesMax),
    })
    .nullable(),
  /** What was negotiated the last time TLS was. */
  tls: z.object({ protocol: z.string(), cipher: z.string() }).nullable(),
  /** Handshakes that failed since the last one that did not. */
  tlsFailedInRow: count,
  greeting: z.object({ verb: z.enum(['HELO', 'EHLO']), name: z.string().max(255).nullable() }).nullable(),
  mechanism: z.enum(['PLAIN', 'LOGIN', 'CRAM-MD5']).nullable(),
  bytesMax: count,
  /** Moving average of the latest ten messages or so. */
  bytesUsual: count,
  recipientsMax: count,
  commandGapMaxMs: count,
  dataGapMaxMs: count,
  /** Whether it says QUIT before it leaves, as it did the last time. */
  quits: z.boolean().nullable(),
  repairs: names,
  quirks: names,
});

export type Measured = z.output<typeof measuredSchema>;

const EMPTY: Omit<Measured, 'firstAt' | 'lastAt' | 'start'> = {
  ...{ sessions: 0, messages: 0, startInRow: 0, hello: null, tls: null, tlsFailedInRow: 0, greeting: null },
  ...{ mechanism: null, bytesMax: 0, bytesUsual: 0, recipientsMax: 0, commandGapMaxMs: 0, dataGapMaxMs: 0 },
  ...{ quits: null, repairs: [], quirks: [] },
};
const USUAL_WEIGHT = 0.1;

/** What is known with one more session. */
export function measure(before: Measured | null, seen: SessionObservation): Measured {
  const known = before ?? { ...EMPTY, firstAt: seen.at, lastAt: seen.at, start: seen.start };
  const { hello, tls, messages } = seen;
  return {
    firstAt: known.firstAt,
    lastAt: seen.at,
    sessions: known.sessions + 1,
    messages: known.messages + messages.length,
    start: seen.start,
    startInRow: known.start === seen.start ? known.startInRow + 1 : 1,
    hello:
      hello === null ? known.hello : { format: hello.format, versions: hello.versions, suites: hello.suites },
    tls: tls ?? known.tls,
    tlsFailedInRow:
      seen.start === 'plain' ? known.tlsFailedInRow : tls === null ? known.tlsFailedInRow + 1 : 0,
    greeting: seen.greeting ?? known.greeting,
    mechanism: seen.mechanism ?? known.mechanism,
    bytesMax: Math.max(known.bytesMax, ...messages.map(({ bytes }) => bytes)),
    bytesUsual: messages.reduce((usual, { bytes }) => average(usual, bytes), known.bytesUsual),
    recipientsMax: Math.max(known.recipientsMax, ...messages.map(({ recipients }) => recipients)),
    commandGapMaxMs: Math.max(known.commandGapMaxMs, Math.round(seen.commandGapMs)),
    dataGapMaxMs: Math.max(known.dataGapMaxMs, Math.round(seen.dataGapMs)),
    quits: seen.hasQuit ?? known.quits,
    repairs: union(known.repairs, seen.repairs),
    quirks: union(known.quirks, seen.quirks),
  };
}

function average(usual: number, bytes: number): number {
  return usual === 0 ? bytes : Math.round(usual + (bytes - usual) * USUAL_WEIGHT);
}

/** What a person would call a change; counters and sizes that creep are none, so that writes stay rare. */
export function essenceOf(measured: Measured): unknown {
  const { start, hello, tls, greeting, mechanism, quits, repairs, quirks } = measured;
  return {
    ...{ start, hello, tls, greeting, mechanism, quits, repairs, quirks },
    hasFailed: measured.tlsFailedInRow > 0,
    bytesMax: magnitude(measured.bytesMax),
    recipientsMax: magnitude(measured.recipientsMax),
    commandGap: magnitude(measured.commandGapMaxMs / 1000),
    dataGap: magnitude(measured.dataGapMaxMs / 1000),
  };
}

/** Which power of two: only a doubling counts. */
function magnitude(value: number): number {
  return value < 1 ? 0 : Math.floor(Math.log2(value)) + 1;
}

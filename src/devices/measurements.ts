/** What was measured of each address, kept over restarts; written only when a person would call it a change. */
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { essenceOf, type Measured, measure, measuredSchema } from '../intake/measured.ts';
import type { SessionObservation } from '../intake/observation.ts';
import { FACTS_ROOM } from './facts.ts';
import type { DevicesSpool } from './types.ts';

const PREFIX = 'measured ';

const measurementSchema = z.object({
  device: z.string().nullable(),
  recognised: z.string().nullable(),
  measured: measuredSchema,
});

/** What is kept of one address. */
export interface Measurement {
  /** Id of the device that sent from there the last time; null for an unknown one. */
  device: string | null;
  /** The recognised profile that was told of last; null where none was. */
  recognised: string | null;
  measured: Measured;
}

export interface Measurements {
  load(): Promise<void>;
  at(address: string): Measurement | null;
  all(): ReadonlyMap<string, Measurement>;
  /** Takes a session in; what is known then. */
  add(seen: SessionObservation): Measurement;
  /** Remembers that a recognised profile has been told of. */
  told(address: string, profile: string | null): void;
  forget(address: string): Promise<void>;
  /** Writes what has not been written. */
  flush(): Promise<void>;
}

interface Kept extends Measurement {
  /** As it was written last, and when; null before that. */
  written: { essence: unknown; at: number } | null;
}

export function createMeasurements(deps: { clock: Clock; log: Log; spool: DevicesSpool }): Measurements {
  const { clock, log, spool } = deps;
  /** Insertion order is age of the latest session. */
  const kept = new Map<string, Kept>();
  let last: Promise<void> = Promise.resolve();

  function inOrder(work: () => Promise<void>): void {
    last = last.then(work).catch((error: unknown) => {
      // It is measured again with the next session.
      log.warn('devices.fact-not-written', { error: describeError(error) });
    });
  }

  function put(address: string, one: Kept): void {
    one.written = { essence: essence(one), at: clock.monotonicMs() };
    const { device, recognised, measured } = one;
    inOrder(() => spool.putFact(FACTS_ROOM, PREFIX + address, { device, recognised, measured }));
  }

  /** A change is written at once, except for a device that changes with every session. */
  function putIfChanged(address: string, one: Kept): void {
    const { written } = one;
    if (written !== null && isDeepStrictEqual(written.essence, essence(one))) return;
    const isRecent = written !== null && clock.monotonicMs() - written.at < LIMITS.measuredSaveEveryMs;
    if (!isRecent) put(address, one);
  }

  function drop(address: string): void {
    if (kept.delete(address)) inOrder(() => spool.deleteFact(FACTS_ROOM, PREFIX + address));
  }

  function dropOldest(): void {
    const oldest = kept.keys().next();
    if (!oldest.done) drop(oldest.value);
  }

  return {
    async load() {
      const facts = [...(await spool.getFacts(FACTS_ROOM))].flatMap(([key, value]) => {
        const fact = measurementSchema.safeParse(value);
        return key.startsWith(PREFIX) && fact.success ? [{ key, ...fact.data }] : [];
      });
      for (const { key, ...one } of facts.sort((a, b) => a.measured.lastAt - b.measured.lastAt)) {
        kept.set(key.slice(PREFIX.length), {
          ...one,
          written: { essence: essence(one), at: clock.monotonicMs() },
        });
      }
    },
    at: (address) => kept.get(address) ?? null,
    all: () => kept,
    add(seen) {
      const before = kept.get(seen.address);
      const one: Kept = {
        // Whoever was refused before signing in has not sent: the device of before is still the one that did.
        device: seen.device ?? (seen.messages.length === 0 ? (before?.device ?? null) : null),
        recognised: before?.recognised ?? null,
        measured: measure(before?.measured ?? null, seen),
        written: before?.written ?? null,
      };
      kept.delete(seen.address);
      kept.set(seen.address, one);
      putIfChanged(seen.address, one);
      if (kept.size > LIMITS.learnedDevicesMax) dropOldest();
      return one;
    },
    told(address, profile) {
      const one = kept.get(address);
      if (one === undefined) return;
      one.recognised = profile;
      put(address, one);
    },
    async forget(address) {
      drop(address);
      await last;
    },
    async flush() {
      for (const [address, one] of kept) {
        if (!isDeepStrictEqual(one.written?.essence, essence(one))) put(address, one);
      }
      await last;
    },
  };
}

function essence({ device, recognised, measured }: Measurement): unknown {
  return { device, recognised, measured: essenceOf(measured) };
}

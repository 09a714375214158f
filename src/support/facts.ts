/** What goes into a bundle, before it is cleaned: each part is there or says why not. */
import type { Clock } from '../core/clock.ts';
import type { EventRecord } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';

/** Something that was looked at, or why it could not be. */
export type Part<T> = { value: T } | { missing: string };

/** What the running agent alone can say, or what its spool shows where it does not run. */
export interface LiveFacts {
  agent: 'running' | 'stopped' | 'not answering';
  status: Part<unknown>;
  health: Part<unknown>;
  doctor: Part<unknown>;
  spool: Part<unknown>;
  /** Oldest first. */
  events: Part<EventRecord[]>;
  /** Lines, oldest first. */
  log: string[];
}

export interface SupportFacts extends LiveFacts {
  /** Epoch milliseconds. */
  now: number;
  /** Scanferry, Node.js and its libraries, the system. */
  versions: Record<string, unknown>;
  /** The config without its secrets. */
  config: Part<unknown>;
  /** What `scanferry check` says. */
  configProblems: string[];
  /** Files of the data folder with their sizes in bytes. */
  sizes: Part<FileSize[]>;
}

export interface FileSize {
  name: string;
  bytes: number;
}

/** Runs `work`; what it throws, or that it takes too long, becomes the reason why the part is missing. */
export async function partOf<T>(clock: Clock, work: () => Promise<T> | T): Promise<Part<T>> {
  const late = Promise.withResolvers<never>();
  const timer = clock.schedule(LIMITS.supportPartMaxMs, () =>
    late.reject(new Error(`no answer within ${LIMITS.supportPartMaxMs / 1000} seconds`)),
  );
  try {
    return { value: await Promise.race([Promise.resolve().then(work), late.promise]) };
  } catch (error) {
    return { missing: describeError(error) };
  } finally {
    timer.cancel();
  }
}

/** As `partOf` for what comes piece by piece: after the time is over, what there is counts. */
export async function linesOf<T>(
  clock: Clock,
  begin: (signal: AbortSignal) => AsyncIterable<T>,
): Promise<Part<T[]>> {
  const lines: T[] = [];
  const over = new AbortController();
  const timer = clock.schedule(LIMITS.supportPartMaxMs, () => over.abort());
  try {
    for await (const line of begin(over.signal)) {
      lines.push(line);
      if (over.signal.aborted) break;
    }
    return { value: lines };
  } catch (error) {
    return lines.length > 0 ? { value: lines } : { missing: describeError(error) };
  } finally {
    timer.cancel();
  }
}

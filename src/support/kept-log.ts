/**
 * The box's own short log: the newest lines in two small files of the data folder, written in batches.
 *
 * An SD card is worn by many small writes. So lines gather in memory and go to the disk together: a quarter of an hour
 * after the first, seconds after a warning, or when there are many; an idle agent writes nothing. Nothing waits for it
 * and nothing fails because of it: what can't be written is counted, and the count is a line of its own.
 */

import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Clock, Timer } from '../core/clock.ts';
import { DAY_MS } from '../core/durations.ts';
import { LIMITS } from '../core/limits.ts';

export interface KeptLog {
  /** Takes a line with its newline; never throws. */
  add(line: string): void;
  /** Writes what has gathered, at once. */
  flush(): void;
  /** The newest lines, those included that are not written yet. */
  tail(): string[];
}

export interface KeptLogDeps {
  clock: Clock;
  /** The data folder. */
  directory: string;
}

const FOLDER = 'log';
/** As the log writer begins a line (src/program/log.ts). */
const IS_TROUBLE = /^\{"level":"(?:warn|error)"/;

/** Where the newest lines are. */
function currentFile(directory: string): string {
  return path.join(directory, FOLDER, 'agent.log');
}

function olderFile(directory: string): string {
  return `${currentFile(directory)}.1`;
}

export function createKeptLog({ clock, directory }: KeptLogDeps): KeptLog {
  let waiting: string[] = [];
  let waitingBytes = 0;
  /** Lines that found no room in memory or on the disk. */
  let dropped = 0;
  let timer: { at: number; timer: Timer } | null = null;
  let day = { startedAt: clock.monotonicMs(), bytes: 0 };

  function planWithin(delayMs: number): void {
    const at = clock.monotonicMs() + delayMs;
    if (timer !== null && timer.at <= at) return;
    timer?.timer.cancel();
    timer = { at, timer: clock.schedule(delayMs, flush) };
  }

  /** Drops the oldest, so that memory is bounded while the disk takes nothing. */
  function makeRoom(): void {
    while (waitingBytes > LIMITS.logBatchBytesMax) {
      waitingBytes -= Buffer.byteLength(waiting.shift() ?? '');
      dropped += 1;
    }
  }

  function isWithinDay(bytes: number): boolean {
    const now = clock.monotonicMs();
    if (now - day.startedAt >= DAY_MS) day = { startedAt: now, bytes: 0 };
    return day.bytes + bytes <= LIMITS.logDayBytesMax;
  }

  function flush(): void {
    timer?.timer.cancel();
    timer = null;
    if (waiting.length === 0) return;
    const missing = dropped === 0 ? '' : droppedLine(clock.now(), dropped);
    const text = missing + waiting.join('');
    const bytes = Buffer.byteLength(text);
    if (!isWithinDay(bytes) || !append(directory, text, bytes)) {
      makeRoom();
      return;
    }
    day.bytes += bytes;
    waiting = [];
    waitingBytes = 0;
    dropped = 0;
  }

  return {
    add(line) {
      const bounded =
        line.length > LIMITS.logLineBytesMax ? `${line.slice(0, LIMITS.logLineBytesMax)}…\n` : line;
      waiting.push(bounded);
      waitingBytes += Buffer.byteLength(bounded);
      if (waitingBytes > LIMITS.logBatchBytesMax) flush();
      else planWithin(IS_TROUBLE.test(line) ? LIMITS.logTroubleMs : LIMITS.logBatchMs);
    },
    flush,
    tail: () => newest([...readKeptLog(directory), ...waiting.map((line) => line.trimEnd())]),
  };
}

/** The newest lines that an agent has left in this data folder. */
export function readKeptLog(directory: string): string[] {
  const text = [olderFile(directory), currentFile(directory)].map(readIfThere).join('');
  return newest(text.split('\n').filter((line) => line !== ''));
}

function newest(lines: readonly string[]): string[] {
  let bytes = 0;
  let from = lines.length;
  for (; from > 0; from--) {
    bytes += Buffer.byteLength(lines[from - 1] ?? '') + 1;
    if (bytes > LIMITS.supportLogBytesMax) break;
  }
  return lines.slice(from);
}

/** For the owner alone: senders and recipients stand in it. False when the disk did not take it. */
function append(directory: string, text: string, bytes: number): boolean {
  const file = currentFile(directory);
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    if (sizeOf(file) + bytes > LIMITS.logFileBytesMax) renameSync(file, olderFile(directory));
    appendFileSync(file, text, { mode: 0o600 });
    return true;
  } catch {
    // The line went to standard output as well, and a log of this failure would meet it again.
    return false;
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function readIfThere(file: string): string {
  return statSync(file, { throwIfNoEntry: false }) === undefined ? '' : readFileSync(file, 'utf8');
}

function droppedLine(now: number, lines: number): string {
  return `${JSON.stringify({ level: 'warn', time: new Date(now).toISOString(), lines, event: 'log.lines-dropped' })}\n`;
}

/**
 * The files of a config on trial: the new one in place, the one before it as `<config>.previous`, and what is known of
 * the trial as `<config>.trial`. Each is written whole or not at all, so that a power cut at any moment leaves a
 * config that works and a record that tells what it is. To put the former config back takes no room on the disk: it is
 * a rename, and that it has happened is seen by the files alone.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { PROBLEMS } from './errors.ts';
import { PRIVATE_MODE, removeDurably, syncFolder, writeFileDurably } from './files.ts';

const trialSchema = z.strictObject({
  by: z.string(),
  /** Top-level keys that the new config changed. */
  changed: z.array(z.string()),
  /** Hash of the config on trial: one that somebody has edited since is no longer it. */
  hash: z.string(),
  /** End of the window, epoch milliseconds. */
  until: z.number(),
  windowMs: z.number(),
  /** Grades before, by key of the reading; those that were ok are left out. */
  before: z.record(z.string(), z.enum(['warn', 'fail'])),
  wasBrokerConnected: z.boolean(),
  /** Starts of the agent since. */
  starts: z.int(),
  /** Set when the former config was put back before the agent could tell anybody. */
  undone: z.strictObject({ code: z.string(), cause: z.string() }).nullable(),
});

/** What is known of a config on trial. */
export type Trial = z.output<typeof trialSchema>;

/** What stops a trial before the agent runs. */
type Reason = NonNullable<Trial['undone']>;

/** The trial of the config `file`; null where there is none, or its record can't be read. */
export function readTrial(file: string): Trial | null {
  try {
    return trialSchema.parse(JSON.parse(readFileSync(recordOf(file), 'utf8')));
  } catch {
    // Without a record there is nothing to go back to, and the config that is there is the one to use.
    return null;
  }
}

/** What the config `file` is now: the one on trial, the one before it, or one that somebody has made of either. */
export type TrialState = 'on-trial' | 'put-back' | 'edited';

export function trialState(file: string, trial: Trial): TrialState {
  const hash = hashOf(readFileSync(file, 'utf8'));
  if (hash === trial.hash) return 'on-trial';
  const previous = previousOf(realpathSync(file));
  const isBack = !existsSync(previous) || hashOf(readFileSync(previous, 'utf8')) === hash;
  return isBack ? 'put-back' : 'edited';
}

/**
 * Keeps the config that is there and puts `text` in its place.
 * @throws OperatorError where the folder can't be written; the old config is in place then.
 */
export function beginTrial(
  file: string,
  text: string,
  facts: Omit<Trial, 'hash' | 'starts' | 'undone'>,
): Trial {
  const trial = { ...facts, hash: hashOf(text), starts: 0, undone: null };
  try {
    const place = realpathSync(file);
    const old = readFileSync(place, 'utf8');
    writeFileDurably(previousOf(place), old, modeOf(place));
    writeRecord(file, trial);
    writeFileDurably(place, text, modeOf(place));
    return trial;
  } catch (cause) {
    endTrial(file, trial);
    throw new OperatorError(PROBLEMS.unwritable(file, describeError(cause)), { cause });
  }
}

/**
 * Puts the former config back, and notes why until it has been told.
 * @returns what kept it from being noted, such as a full disk: what has happened is seen without, but not why.
 */
export function undoTrial(file: string, trial: Trial, { code, cause }: Reason): string | null {
  const place = realpathSync(file);
  if (trialState(file, trial) === 'on-trial') renameSync(previousOf(place), place);
  syncFolder(path.dirname(place));
  try {
    writeRecord(file, { ...trial, undone: { code, cause } });
    return null;
  } catch (error) {
    return describeError(error);
  }
}

/** Nothing is left to tell of `trial`. The record of a later one stays. */
export function endTrial(file: string, { hash, until }: Trial): void {
  const recorded = readTrial(file);
  if (recorded?.hash === hash && recorded.until === until) removeDurably(recordOf(file));
}

/** A start with a config on trial that ends before it has told anybody counts, so that it is not tried on and on. */
const STARTS_MAX = 5;

/**
 * To be called before each start of the agent: puts the former config back where the one on trial has kept the agent
 * from running several times. @returns true when it did.
 */
export function countTrialStart(file: string): boolean {
  const trial = readTrial(file);
  if (trial === null || trial.undone !== null) return false;
  if (trial.starts >= STARTS_MAX) return undoBeforeStart(file, PROBLEMS.trialKeptEnding(STARTS_MAX));
  try {
    writeRecord(file, { ...trial, starts: trial.starts + 1 });
  } catch {
    // A full disk must not keep the agent from starting; then this start is not counted.
  }
  return false;
}

/** Puts the former config back because the agent does not start with the one on trial. @returns false where none is. */
export function undoBeforeStart(file: string, why: Reason): boolean {
  const trial = readTrial(file);
  // Where somebody has removed the config, or the one before it, what the start fails with is what is to be said.
  if (trial === null || trial.undone !== null || !existsSync(file)) return false;
  if (trialState(file, trial) !== 'on-trial' || !existsSync(previousOf(realpathSync(file)))) return false;
  undoTrial(file, trial, why);
  return true;
}

function writeRecord(file: string, trial: Trial): void {
  writeFileDurably(recordOf(file), `${JSON.stringify(trial)}\n`, PRIVATE_MODE);
}

function recordOf(file: string): string {
  return `${file}.trial`;
}

function previousOf(file: string): string {
  return `${file}.previous`;
}

function modeOf(file: string): number {
  return statSync(file).mode & 0o777;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * A new config that comes by command: checked whole, put in place of the old one, which is kept, applied by a reload,
 * and watched. When health is worse within the window, the old one is put back and applied. A restart in between goes on
 * with what is left of the window; an agent that does not start with the new config starts with the old one
 * (config/trial-files.ts).
 */
import { changedFixedKeys, changedKeys } from '../config/compare.ts';
import { PROBLEMS } from '../config/errors.ts';
import type { Config } from '../config/schema.ts';
import { beginTrial, endTrial, readTrial, type Trial, trialState, undoTrial } from '../config/trial-files.ts';
import type { ReloadReport, SetConfigReport, SetConfigRequest } from '../control/deps.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { type Explanation, OperatorError } from '../core/errors.ts';
import type { NewEvent } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { createTurns } from '../core/turns.ts';
import type { BrokerFacts } from '../health/sources.ts';
import { type Grade, type HealthReport, type HealthRoom, type Reading, readingKey } from '../health/types.ts';
import type { InForce } from './in-force.ts';
import { RELOAD_PROBLEMS } from './problems.ts';

export interface ConfigTrialDeps {
  clock: Clock;
  log: Log;
  file: string;
  /** Throws OperatorError with every fault of the text. */
  readConfig(text: string): { config: Config; warnings: string[] };
  inForce: InForce;
  reload(by: string): Promise<ReloadReport>;
  health: Pick<HealthRoom, 'look' | 'onReport'>;
  broker(): BrokerFacts | null;
  record(event: NewEvent): Promise<unknown>;
  /** Resolves when it is known whether the event is written: while the disk takes none, that is later. */
  recordForSure(event: NewEvent): Promise<boolean>;
}

export interface ConfigTrial {
  /** Goes on with a trial of before the start, and tells of one that was undone by it. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Rejects with OperatorError when the config can't be used; nothing has changed then. */
  set(request: SetConfigRequest): Promise<SetConfigReport>;
}

export function createConfigTrial(deps: ConfigTrialDeps): ConfigTrial {
  const { clock, log, file, inForce } = deps;
  let watching: { trial: Trial; timer: Timer; unsubscribe: () => void } | null = null;
  const turns = createTurns();

  async function set({ config: text, windowSeconds, by }: SetConfigRequest): Promise<SetConfigReport> {
    if (watching !== null) {
      const until = new Date(watching.trial.until).toISOString();
      throw new OperatorError(PROBLEMS.trialRunning(until));
    }
    const { config, warnings } = deps.readConfig(text);
    const fixed = changedFixedKeys(inForce.config, config);
    if (fixed.length > 0) throw new OperatorError(RELOAD_PROBLEMS.needsRestart(fixed.join(' and ')));
    const windowMs = windowSeconds * 1000;
    const facts = {
      ...{ by, changed: changedKeys(inForce.config, config), windowMs, until: clock.now() + windowMs },
      before: troublesOf(await deps.health.look()),
      wasBrokerConnected: deps.broker()?.connected === true,
    };
    const trial = beginTrial(file, text, facts);
    try {
      await deps.reload(by);
    } catch (error) {
      undo(trial, { code: 'config.not-applied', cause: describeError(error) });
      endTrial(file, trial);
      throw error;
    }
    const { changed, until } = trial;
    // Before it is recorded: a full disk must not leave a new config unwatched.
    watch(trial);
    await record({ type: 'config.tried', data: { by, changed, until } });
    return { changed, warnings, until };
  }

  function watch(trial: Trial): void {
    watching = {
      trial,
      unsubscribe: deps.health.onReport((report) => judge(report)),
      timer: finishInTime(trial),
    };
  }

  /** At the end of what is left of the window. */
  function finishInTime({ windowMs, until }: Trial): Timer {
    const leftMs = Math.max(LIMITS.configTrialMinMs, Math.min(windowMs, until - clock.now()));
    return clock.schedule(leftMs, () => queue(finish));
  }

  function unwatch(): void {
    watching?.unsubscribe();
    watching?.timer.cancel();
    watching = null;
  }

  function judge(report: HealthReport): void {
    const why = watching === null ? null : worsening(watching.trial, report);
    if (why !== null) queue(() => rollBack(why));
  }

  async function finish(): Promise<void> {
    if (watching === null) return;
    const { trial } = watching;
    const isLost = trial.wasBrokerConnected && deps.broker()?.connected === false;
    const why = worsening(trial, await deps.health.look()) ?? (isLost ? PROBLEMS.trialBroker() : null);
    if (why !== null) return rollBack(why);
    if (trialState(file, trial) === 'put-back') end(trial, PROBLEMS.trialPutBack());
    else end(trial, null);
  }

  async function rollBack({ code, cause }: Pick<Explanation, 'code' | 'cause'>): Promise<void> {
    if (watching === null) return;
    const { trial } = watching;
    // Somebody has edited it since: what a person does on the box is not undone.
    if (trialState(file, trial) === 'edited') return end(trial, null);
    // Before the watch ends: what can't be put back must not leave a bad config unwatched.
    undo(trial, { code, cause });
    unwatch();
    await deps.reload(trial.by);
    end(trial, { code, cause });
  }

  function undo(trial: Trial, why: Pick<Explanation, 'code' | 'cause'>): void {
    const unnoted = undoTrial(file, trial, why);
    if (unnoted !== null) log.warn('config.undo-not-noted', { error: unnoted });
  }

  /** @param undone why the former config is in place again; null where that of the trial is kept. */
  function end(trial: Trial, undone: Pick<Explanation, 'code' | 'cause'> | null): void {
    unwatch();
    const { by, changed } = trial;
    const event: NewEvent =
      undone === null
        ? { type: 'config.kept', data: { by, changed } }
        : { type: 'config.rolled-back', data: { by, changed, code: undone.code, cause: undone.cause } };
    log.info(event.type, event.data);
    // Not awaited: on a full disk the next config would wait for it. The files tell it again until it is written.
    deps
      .recordForSure(event)
      .then((isWritten) => {
        if (isWritten) endTrial(file, trial);
      })
      .catch((error: unknown) => log.error('config.trial-failed', { error: describeError(error) }));
  }

  async function record(event: NewEvent): Promise<void> {
    log.info(event.type, event.data);
    await deps.record(event);
  }

  /** A window must not end in the middle of a change. */
  function queue(work: () => Promise<void>): void {
    turns.take(work).catch((error: unknown) => {
      log.error('config.trial-failed', { error: describeError(error) });
      if (watching === null) return;
      // What could not be put back is judged again: at the next report, and at the end of the window.
      watching.timer.cancel();
      watching.timer = finishInTime(watching.trial);
    });
  }

  return {
    async start() {
      const trial = readTrial(file);
      if (trial === null) return;
      const state = trialState(file, trial);
      if (trial.undone !== null) end(trial, trial.undone);
      else if (state === 'put-back') end(trial, PROBLEMS.trialPutBack());
      else if (state === 'edited') end(trial, null);
      else watch(trial);
    },
    async stop() {
      unwatch();
      await turns.over();
    },
    set: (request) => turns.take(() => set(request)),
  };
}

/** A device that happens to fall silent says nothing about the config. */
const NOT_OF_CONFIG: ReadonlySet<string> = new Set(['device_silent']);
const OF_CONFIG: ReadonlySet<string> = new Set(['spool', 'routes', 'devices', 'broker']);
const RANKS: Record<Grade, number> = { ok: 0, warn: 1, fail: 2 };

function isOfConfig({ metric }: Reading): boolean {
  return OF_CONFIG.has(metric.family) && !NOT_OF_CONFIG.has(metric.name);
}

function troublesOf({ readings }: HealthReport): Trial['before'] {
  const troubles = readings.filter(isOfConfig).flatMap((reading): [string, 'warn' | 'fail'][] => {
    return reading.grade === 'ok' ? [] : [[readingKey(reading), reading.grade]];
  });
  return Object.fromEntries(troubles);
}

/** The first reading that a config can spoil and that is worse than before. */
function worsening({ before }: Trial, { readings }: HealthReport): Explanation | null {
  const worse = readings.find(
    (reading) => isOfConfig(reading) && RANKS[reading.grade] > RANKS[before[readingKey(reading)] ?? 'ok'],
  );
  return worse?.why ?? null;
}

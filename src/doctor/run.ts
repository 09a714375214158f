/**
 * Runs the checks: a few at once, each within its time, told in their order.
 *
 * A check that throws or takes too long is a finding and not the end; whoever stops reading ends what is under way.
 */
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import { checksFor } from './checks.ts';
import { fail } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import type { Check, DoctorDeps, DoctorLine, Finding, Group } from './types.ts';

export interface DoctorOptions {
  /** Only these groups; left out, all. */
  only?: readonly Group[] | undefined;
}

/** Yields each line as soon as all before it are told, until the signal ends it. Never throws for what a check does. */
export function diagnose(
  deps: DoctorDeps,
  { only }: DoctorOptions,
  signal: AbortSignal,
): AsyncGenerator<DoctorLine> {
  // A config that can't be used leaves out the checks that need one: why must be told, whatever was asked for.
  const groups = only !== undefined && deps.config === null ? [...only, 'config'] : only;
  const checks = checksFor(deps).filter(({ group }) => groups === undefined || groups.includes(group));
  return runChecks(checks, deps, signal);
}

/** As `diagnose`, for a list of checks. */
export async function* runChecks(
  checks: readonly Check[],
  deps: DoctorDeps,
  signal: AbortSignal,
): AsyncGenerator<DoctorLine> {
  const given = new AbortController();
  const end = (): void => given.abort();
  signal.addEventListener('abort', end, { once: true });
  const runs: Run[] = checks.map(() => createRun());
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < checks.length; index = next++) {
      const [check, run] = [checks[index], runs[index]];
      if (check !== undefined && run !== undefined) await perform(check, run, deps, given.signal);
    }
  };
  const workers = Array.from({ length: LIMITS.doctorChecksAtOnceMax }, worker);
  try {
    for (const [index, run] of runs.entries()) {
      const group = checks[index]?.group;
      for await (const finding of run.findings()) if (group !== undefined) yield { group, ...finding };
    }
  } finally {
    signal.removeEventListener('abort', end);
    given.abort();
    await Promise.all(workers);
  }
}

/** The findings of one check, on their way from whoever makes them to whoever tells them. */
interface Run {
  add(finding: Finding): void;
  end(): void;
  findings(): AsyncGenerator<Finding>;
}

function createRun(): Run {
  const found: Finding[] = [];
  let isOver = false;
  let changed = Promise.withResolvers<void>();
  const tell = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  return {
    add(finding) {
      found.push(finding);
      tell();
    },
    end() {
      isOver = true;
      tell();
    },
    async *findings() {
      for (let told = 0; ; ) {
        const wake = changed.promise;
        while (told < found.length) {
          const finding = found[told++];
          if (finding !== undefined) yield finding;
        }
        if (isOver) return;
        await wake;
      }
    },
  };
}

async function perform(check: Check, run: Run, deps: DoctorDeps, given: AbortSignal): Promise<void> {
  const late = new AbortController();
  const timer = deps.clock.schedule(LIMITS.doctorCheckMaxMs, () => late.abort());
  const signal = AbortSignal.any([given, late.signal]);
  const overdue = new Promise<'overdue'>((resolve) => {
    signal.addEventListener('abort', () => resolve('overdue'), { once: true });
  });
  const findings = check.run({ ...deps, signal })[Symbol.asyncIterator]();
  try {
    if (signal.aborted) return;
    for (;;) {
      const step = findings.next();
      // What comes after the time is over is nobody's any more.
      step.catch(() => {});
      const next = await Promise.race([step, overdue]);
      if (next === 'overdue') {
        if (late.signal.aborted) run.add(tooSlow(check));
        return;
      }
      if (next.done === true) return;
      run.add(next.value);
    }
  } catch (error) {
    if (given.aborted) return;
    // Work that was told to stop says so by an error of its own.
    if (late.signal.aborted) {
      run.add(tooSlow(check));
      return;
    }
    run.add(crashed(check, error, deps));
  } finally {
    timer.cancel();
    run.end();
  }
}

function tooSlow({ name }: Check): Finding {
  return fail(name, 'no answer in time', PROBLEMS.tooSlow(LIMITS.doctorCheckMaxMs / 1000));
}

/** What an operator can mend has its own sentence and is no crash. */
function crashed({ name }: Check, error: unknown, { log }: DoctorDeps): Finding {
  if (error instanceof OperatorError) return fail(name, 'could not be looked at', error.explanation);
  log.error('doctor.check-crashed', { check: name, error: describeError(error) });
  return fail(name, 'could not be looked at', PROBLEMS.crashed(describeError(error)));
}

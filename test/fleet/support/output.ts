/** What a command prints, for a test to read; a watcher with it is no terminal. */
import type { Output } from '../../../src/cli/output.ts';
import { createSystemClock } from '../../../src/core/clock.ts';
import type { FleetRunDeps } from '../../../src/run/fleet.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

export interface TestRun {
  deps: FleetRunDeps;
  lines: string[];
  errors: string[];
  values: unknown[];
  /** Ends what runs, as Ctrl-C does. */
  stop(): void;
  /** Resolves with the first line, on either side, that matches. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
}

export function testRun(env: Record<string, string> = {}): TestRun {
  const [lines, errors, values]: [string[], string[], unknown[]] = [[], [], []];
  const watchers = new Set<() => void>();
  const stopped = Promise.withResolvers<void>();
  const note =
    (list: string[]) =>
    (text = '') => {
      list.push(text);
      for (const watcher of watchers) watcher();
    };
  const output: Output = { line: note(lines), error: note(errors), json: (value) => void values.push(value) };
  return {
    ...{ lines, errors, values, stop: () => stopped.resolve() },
    deps: {
      ...{ clock: createSystemClock(0), log: createQuietLog(), output, env, random: () => 0.01 },
      ...{ terminal: null, stopped: stopped.promise },
    },
    line: (pattern) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = [...lines, ...errors]
            .map((line) => pattern.exec(line))
            .find((match) => match !== null);
          if (found === undefined || found === null) return;
          watchers.delete(look);
          resolve(found);
        };
        watchers.add(look);
        look();
      }),
  };
}

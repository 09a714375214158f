/** A log that waits: while the screen is drawn on, lines are kept, and printed when it is left. */
import type { Log, LogFields } from '../core/log.ts';

export interface HeldLog extends Log {
  /** Hands on what was kept, and everything from now on. */
  release(): void;
}

type Level = 'warn' | 'error';

/** The latest lines; what is older was on the screen for long. */
const HELD_MAX = 100;

/** Keeps warnings and errors until it is released. */
export function createHeldLog(log: Log): HeldLog {
  let isHolding = true;
  let held: (() => void)[] = [];

  function at(level: Level, base: LogFields): (event: string, fields?: LogFields) => void {
    return (event, fields) => {
      const write = () => log[level](event, { ...base, ...fields });
      if (!isHolding) write();
      else held = [...held, write].slice(-HELD_MAX);
    };
  }

  function make(base: LogFields): HeldLog {
    return {
      debug: () => {},
      info: () => {},
      warn: at('warn', base),
      error: at('error', base),
      child: (fields) => make({ ...base, ...fields }),
      release() {
        isHolding = false;
        for (const write of held) write();
        held = [];
      },
    };
  }
  return make({});
}

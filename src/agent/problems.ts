/** What keeps another config from being applied. */
import type { Explanation } from '../core/errors.ts';

export const RELOAD_PROBLEMS = {
  notRunning: (): Explanation => ({
    code: 'config.not-running',
    cause: 'The agent is just starting or stopping, so no other config can be applied now.',
    advice: 'Try again in a moment.',
  }),
  needsRestart: (keys: string): Explanation => ({
    code: 'config.needs-restart',
    cause: `${keys} can't change while the agent runs, so nothing of the new config was applied.`,
    advice: 'Restart the agent to apply it, or put the old value back.',
  }),
  notApplied: (detail: string): Explanation => ({
    code: 'config.not-applied',
    cause: `The new config could not be applied: ${detail}.`,
    advice: 'Correct what it names, then reload again.',
  }),
} as const;

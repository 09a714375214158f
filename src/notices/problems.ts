/** What the notices say about themselves when they can't reach anybody. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  notDelivered: (recipient: string, cause: string): Explanation => ({
    code: 'notice.not-delivered',
    cause: `A notice to ${recipient} could not be delivered: ${cause}`,
    advice:
      'Correct the addresses in `notices.to` or the route that carries them; `scanferry queue list` shows the notice.',
  }),
  notWritten: (detail: string): Explanation => ({
    code: 'notice.not-written',
    cause: `A notice could not be written: ${detail}.`,
    advice: 'The failed scans are in `scanferry queue list`; report this with a support bundle.',
  }),
} as const;

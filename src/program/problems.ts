/** What can keep the program itself from running. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  platformUnsupported: (target: string, available: string): Explanation => ({
    code: 'agent.platform-unsupported',
    cause: `This build has no database engine for ${target}.`,
    advice: `It runs on ${available}; on a Raspberry Pi use the 64-bit system.`,
  }),
  demoNotDelivered: (id: string, seconds: number): Explanation => ({
    code: 'demo.not-delivered',
    cause: `The simulated scan ${id} was not delivered within ${seconds} seconds.`,
    advice: 'The warnings above say why.',
  }),
} as const;

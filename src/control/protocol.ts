/** What goes over the control socket beside the command table. */
import * as z from 'zod';
import type { ExitCode, Explanation } from '../core/errors.ts';
import { GROUPS } from '../doctor/types.ts';

export interface ErrorBody extends Explanation {
  exitCode: ExitCode;
}

export const sendTestRequest = z.strictObject({
  to: z
    .array(z.email())
    .min(1)
    .max(10)
    .optional()
    .describe('Who gets it; left out, the sender of the test itself.'),
  from: z.email().optional().describe('Sender; left out, the mailbox of the first route.'),
  waitMs: z
    .int()
    .min(1000)
    .max(3_600_000)
    .default(120_000)
    .describe('How long to follow the message, milliseconds.'),
});

export type SendTestRequest = z.output<typeof sendTestRequest>;

export const discoverRequest = z.strictObject({
  network: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('A part of the configured networks; left out, all of them.'),
});

export type DiscoverInput = z.output<typeof discoverRequest>;

export const doctorRequest = z.strictObject({
  only: z.array(z.enum(GROUPS)).min(1).optional().describe('Groups of checks; left out, all of them.'),
});

export type DoctorRequest = z.output<typeof doctorRequest>;

/** One step of a test scan. `atMs` counts from the start of the test. */
export interface SendTestStep {
  atMs: number;
  step:
    | 'connected'
    | 'accepted'
    | 'refused'
    | 'sending'
    | 'waiting'
    | 'delivered'
    | 'failed'
    | 'held'
    | 'timed-out';
  /** One sentence for a person. */
  text: string;
  /** Verbatim reply of the box or of the other side, where there was one. */
  reply: string | null;
  /** True on the last step when the scan arrived, false when it did not, absent before. */
  succeeded?: boolean;
}

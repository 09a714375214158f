/** Settings of the notices to people. */
import * as z from 'zod';
import type { OutputOf } from '../core/settings.ts';

export const noticeSettings = () =>
  z.strictObject({
    to: z.array(z.email()).min(1).describe('Who is told when a scan could not be delivered.'),
    from: z
      .email()
      .optional()
      .describe(
        'Sender of the notices; left out, the mailbox of the route or postmaster at the first domain.',
      ),
    hourlyMax: z
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .describe('Most notices an hour; what goes beyond is told in one digest.'),
    toSender: z
      .boolean()
      .default(false)
      .describe('Also tell the sender of the scan, where the device has not said otherwise.'),
  });

export type NoticeSettings = OutputOf<typeof noticeSettings>;

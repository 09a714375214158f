/** Settings of the spool room. */
import * as z from 'zod';
import type { OutputOf } from '../core/settings.ts';

const GIB = 1024 ** 3;

export const spoolSettings = () =>
  z
    .strictObject({
      maxBytes: z
        .int()
        .min(1024 * 1024)
        .default(4 * GIB)
        .describe(
          'Most bytes the spool may hold; beyond it devices are told to try later (452). Messages that are held for a person take half of it at most.',
        ),
      minFreeBytes: z
        .int()
        .min(0)
        .default(GIB / 2)
        .describe('Free space on the disk below which nothing new is accepted (452).'),
      maxAgeHours: z
        .number()
        .positive()
        .default(96)
        .describe('Hours after which an undelivered message is set to failed and kept for release.'),
      historyDays: z
        .number()
        .positive()
        .default(90)
        .describe('Days for which delivered and failed messages stay in the history, without their bodies.'),
      failedKeepDays: z
        .number()
        .positive()
        .default(14)
        .describe('Days for which the body of a failed or held message is kept for release.'),
      encrypt: z
        .boolean()
        .default(true)
        .describe('Encrypt bodies at rest, each under its own key, forgotten on delivery.'),
    })
    .prefault({});

export type SpoolSettings = OutputOf<typeof spoolSettings>;

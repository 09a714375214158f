/** The part of a profile that names a device: signals, model, firmware version, and examples of each. */
import * as z from 'zod';
import type { OutputOf } from '../core/settings.ts';
import { SIGNAL_NAMES } from './signals.ts';

const PATTERN_MAX = 200;

const pattern = () =>
  z
    .string()
    .min(1)
    .max(PATTERN_MAX)
    .describe(
      'Regular expression; docs/contribute-a-profile.md says which parts of the language are allowed.',
    );

const oid = () =>
  z
    .string()
    .regex(/^\d+(\.\d+)+$/)
    .describe('Numeric OID without a leading dot, for the signal snmpOids.');

const signalRule = () =>
  z
    .strictObject({
      signal: z.enum(SIGNAL_NAMES).describe('What is looked at.'),
      oid: oid().optional(),
      op: z
        .enum(['prefix', 'regex', 'equals'])
        .describe('prefix of an OID ends between two arcs; prefix and equals of a text mind its case.'),
      value: pattern(),
      ignoreCase: z.boolean().optional().describe('true: capitals don’t count, for regex.'),
      weight: z
        .int()
        .min(-100)
        .max(100)
        .describe('What it adds to the score; below zero it speaks against the profile.'),
    })
    .refine((rule) => (rule.signal === 'snmpOids') === (rule.oid !== undefined), {
      error: 'oid belongs to the signal snmpOids, and to it alone',
      path: ['oid'],
    });

const extraction = () =>
  z.strictObject({
    signal: z.enum(SIGNAL_NAMES),
    oid: oid().optional(),
    regex: pattern().describe('Its first group is what is taken.'),
    ignoreCase: z.boolean().optional(),
  });

export const matchSchema = () =>
  z.strictObject({
    signals: z
      .array(signalRule())
      .min(1)
      .max(40)
      .describe(
        'Rules; of several for one signal the heaviest counts, and the best of each signal are added up.',
      ),
    minScore: z
      .int()
      .min(1)
      .max(300)
      .describe('Score from which on the device is named, by two signals or more.'),
    model: z
      .array(extraction())
      .min(1)
      .max(12)
      .optional()
      .describe('Where the model stands; the first that fits.'),
  });

export const versionSchema = () =>
  z.strictObject({
    from: z
      .array(extraction())
      .min(1)
      .max(8)
      .describe('Where the firmware version stands; the first that fits.'),
    compare: z
      .enum(['dotted', 'date', 'none'])
      .describe(
        'dotted: number by number, 1.9 before 1.10; date: digits of a date or build stamp; none: versions have no order.',
      ),
  });

const text = () => z.string().min(1).max(1000);

/** One observation of a real device: signals, and what must be concluded from them. */
export const testVectorSchema = () =>
  z.strictObject({
    signals: z
      .strictObject({
        snmpSysDescr: text().optional(),
        snmpSysObjectId: text().optional(),
        snmpOids: z.record(oid(), text()).optional(),
        ippMakeModel: text().optional(),
        ippDeviceId: text().optional(),
        dnssdTy: text().optional(),
        dnssdProduct: text().optional(),
        dnssdHost: text().optional(),
        httpTitle: text().optional(),
        tlsSubject: text().optional(),
        ouiVendor: text().optional(),
        ehlo: text().optional(),
      })
      .describe('What the device said.'),
    verdict: z
      .enum(['identified', 'likely'])
      .describe('identified: the score is reached by two signals or more; likely: one strong signal only.'),
    model: z.string().min(1).optional().describe('Model that must be read out; left out, none.'),
    firmware: z
      .string()
      .min(1)
      .optional()
      .describe('Firmware version that must be read out; left out, none.'),
    source: z.string().min(1).describe('Where it was seen.'),
  });

export type SignalRule = OutputOf<typeof signalRule>;
export type Extraction = OutputOf<typeof extraction>;
export type TestVector = OutputOf<typeof testVectorSchema>;

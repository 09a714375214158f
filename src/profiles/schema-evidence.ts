/** Where a claim comes from and how sure it is. */
import * as z from 'zod';

/** Grades of evidence, the surest first; the words are for people. */
export const GRADES = {
  measured: 'measured here',
  captured: 'seen in recorded traffic or data',
  vendor: 'from the vendor’s own text',
  reported: 'reported by a user',
  inferred: 'concluded from other facts',
} as const satisfies Record<string, string>;

export type Grade = keyof typeof GRADES;

// Object.keys forgets that a constant's keys are known.
const grades = Object.keys(GRADES) as [Grade, ...Grade[]];

/** The three fields that every sourced thing carries. */
export function evidenceOf(source: string) {
  return {
    grade: z.enum(grades).describe('How the claim is known, from measured here to concluded.'),
    source: z.string().min(1).describe(source),
    date: z.iso.date().describe('Day the source was read.'),
  };
}

/** A claim without a source does not enter a profile. */
export const evidenceSchema = () =>
  z.strictObject({
    field: z
      .string()
      .min(1)
      .describe('Path of the claim in this profile, such as tls.mode; it covers all that lies below.'),
    ...evidenceOf('Document, thread or capture that shows it.'),
  });

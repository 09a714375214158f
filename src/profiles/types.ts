/** The shape of a device profile, and of the catalogue that holds them. */
import * as z from 'zod';
import { QUIRK_IDS } from './quirks.ts';

/** How sure a claim is and where it comes from; a claim without a source does not enter a profile. */
const evidence = z.strictObject({
  field: z.string().min(1).describe('Path of the claim in this profile, such as tls.mode.'),
  grade: z
    .enum(['captured', 'vendor', 'reported', 'inferred', 'measured'])
    .describe('How the claim is known, from seen on the wire to concluded.'),
  source: z.string().min(1).describe('Document, thread or capture that shows it.'),
  date: z.iso.date().describe('Day the source was read.'),
});

const tls = z.strictObject({
  floor: z.enum(['legacy', 'modern']).optional().describe('modern refuses TLS below 1.2 from this device.'),
  mode: z
    .enum(['plain', 'starttls', 'implicit'])
    .optional()
    .describe('How the device starts TLS; implicit makes the banner of an auto port wait for it.'),
});

const advertise = z.strictObject({
  starttls: z.boolean().optional().describe('false hides STARTTLS from this device.'),
  auth: z
    .array(z.enum(['PLAIN', 'LOGIN', 'CRAM-MD5']))
    .optional()
    .describe('Sign-in mechanisms offered to this device; left out, all.'),
});

const smtp = z.strictObject({
  advertise: advertise.optional(),
  join: z
    .boolean()
    .optional()
    .describe(
      'true: the device splits a job into message/partial parts, and the box joins them to one message.',
    ),
  quirks: z
    .array(z.enum(QUIRK_IDS))
    .min(1)
    .optional()
    .describe(
      'Habits of the device, tolerated from it outside trusted networks too (docs/reference/quirks.md).',
    ),
});

const limits = z.strictObject({
  passwordMax: z.int().min(1).optional().describe('Longest password the device can hold.'),
  userMax: z.int().min(1).optional().describe('Longest user name the device can hold.'),
  serverMax: z.int().min(1).optional().describe('Longest server name the device can hold.'),
});

const setupStep = z.strictObject({
  path: z.array(z.string().min(1)).min(1).describe('Menu path at the device.'),
  set: z.string().min(1).describe('What to enter there.'),
});

export const profileSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9-]+\/[a-z0-9.-]+$/)
    .describe('Vendor and name, equal to the folder.'),
  title: z.string().min(1).describe('Name for people.'),
  status: z.enum(['stub', 'partial', 'field-verified']).describe('How complete the profile is.'),
  evidence: z.array(evidence).min(1),
  tls: tls.optional(),
  smtp: smtp.optional(),
  limits: limits.optional(),
  setup: z.array(setupStep).optional(),
});

export type DeviceProfile = z.output<typeof profileSchema>;
export type Catalogue = ReadonlyMap<string, DeviceProfile>;

/** One profile.json as it lies in the tree. */
export interface RawProfile {
  /** Path below firmware-profiles, such as `generic/plain/profile.json`. */
  path: string;
  json: unknown;
}

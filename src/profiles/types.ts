/** The shape of a device profile, and of the catalogue that holds them. */
import * as z from 'zod';
import type { OutputOf } from '../core/settings.ts';
import { limitsSchema, repairSchema, smtpSchema, tlsSchema } from './schema-behaviour.ts';
import { evidenceSchema } from './schema-evidence.ts';
import { matchSchema, testVectorSchema, versionSchema } from './schema-match.ts';
import { deviceErrorSchema, setupSchema } from './schema-setup.ts';

const profileId = () => z.string().regex(/^[a-z0-9-]+\/[a-z0-9.-]+$/);

export const profileSchema = () =>
  z.strictObject({
    $schema: z.string().optional().describe('For editors: ../../profile.schema.json.'),
    id: profileId().describe('Vendor and name, equal to the folder.'),
    title: z.string().min(1).describe('Name for people.'),
    vendor: z.string().min(1).optional().describe('Brand on the device.'),
    kind: z
      .enum(['copier', 'printer', 'scanner', 'power', 'camera', 'recorder', 'storage', 'server', 'other'])
      .optional()
      .describe('What sort of device it is; copier stands for any multifunction device.'),
    aliases: z.array(z.string().min(1)).min(1).optional().describe('Other names it goes by.'),
    oemOf: profileId()
      .optional()
      .describe(
        'The profile of the maker whose device this is under another badge; what is not said here is taken from it.',
      ),
    variantOf: profileId()
      .optional()
      .describe(
        'The profile of the family this is a model or generation of; what is not said here is taken from it.',
      ),
    status: z
      .enum(['stub', 'partial', 'field-verified'])
      .describe('How complete the profile is; stub: identification only.'),
    lastReviewed: z.iso.date().optional().describe('Day somebody last compared it with its sources.'),
    evidence: z.array(evidenceSchema()).min(1).max(80),
    match: matchSchema().optional(),
    version: versionSchema().optional(),
    tls: tlsSchema().optional(),
    smtp: smtpSchema().optional(),
    repair: repairSchema().optional(),
    limits: limitsSchema().optional(),
    setup: z.array(setupSchema()).min(1).max(8).optional(),
    errors: z.array(deviceErrorSchema()).min(1).max(60).optional(),
    testVectors: z.array(testVectorSchema()).min(1).max(40).optional(),
  });

/** One profile.json, as it is written. */
export type ProfileFile = OutputOf<typeof profileSchema>;

export type Evidence = ProfileFile['evidence'][number] & {
  /** The profile this claim was taken from; its grade is no surer than the kinship. */
  inheritedFrom?: string;
};

/**
 * One profile of the catalogue, whole: tls, smtp, repair, limits, version, setup and errors of the profile
 * named by oemOf or variantOf are filled in where this one is silent; match and testVectors are always its own.
 */
export type DeviceProfile = Omit<ProfileFile, 'evidence'> & { evidence: Evidence[] };
export type Catalogue = ReadonlyMap<string, DeviceProfile>;

/** One profile.json as it lies in the tree. */
export interface RawProfile {
  /** Path below firmware-profiles, such as `generic/plain/profile.json`. */
  path: string;
  json: unknown;
}

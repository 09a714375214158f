/** Why a pack of profiles is not taken in. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  unreadable: (detail: string): Explanation => ({
    code: 'profiles.pack-unreadable',
    cause: `This is no pack of profiles (${detail}).`,
    advice: 'Make one with `scanferry fleet pack`.',
  }),
  unknownKey: (id: string): Explanation => ({
    code: 'profiles.pack-unknown-key',
    cause: `The pack was signed with the key ${id}, which this site does not trust for profiles.`,
    advice:
      'Give the key the verb update-profiles in mqtt.commandKeys, or sign the pack with one that has it.',
  }),
  badSignature: (id: string): Explanation => ({
    code: 'profiles.pack-bad-signature',
    cause: `The signature of the pack does not fit the key ${id} of this site.`,
    advice: 'Sign it with the private key that belongs to the one in mqtt.commandKeys.',
  }),
  older: (issued: string, than: string): Explanation => ({
    code: 'profiles.pack-older',
    cause: `The pack is of ${issued}, and the profiles in use are of ${than}.`,
    advice: 'Make a new pack of the profiles that are wanted.',
  }),
  faulty: (faults: string): Explanation => ({
    code: 'profiles.pack-faulty',
    cause: `The pack has faults: ${faults}.`,
    advice: 'Correct them; `scanferry profiles check FOLDER` names every one.',
  }),
  tooLarge: (bytesMax: number): Explanation => ({
    code: 'profiles.pack-too-large',
    cause: `The pack is larger than ${bytesMax / 1024} KiB.`,
    advice: 'Put only those profiles into it that are new or different.',
  }),
  inUse: (devices: string): Explanation => ({
    code: 'profiles.pack-in-use',
    cause: `Profiles that the config gives to devices would be gone (${devices}), and the agent would not start again.`,
    advice: 'Give those devices other profiles in the config first, or leave their profiles in the pack.',
  }),
  notStored: (detail: string): Explanation => ({
    code: 'profiles.pack-not-stored',
    cause: `The pack can't be written into the data folder, or removed from it (${detail}).`,
    advice: 'See to the disk of the box, then send it again.',
  }),
} as const;

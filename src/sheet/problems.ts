/** What the setup sheet tells an operator when it can't be made. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  unknownDevice: (name: string, devices: string): Explanation => ({
    code: 'sheet.unknown-device',
    cause: `There is neither a device nor a profile named ${name}.`,
    advice: `The devices are ${devices || 'none'}; \`scanferry profiles list\` shows the profiles.`,
  }),
  notWritten: (file: string, detail: string): Explanation => ({
    code: 'sheet.not-written',
    cause: `The sheet could not be written to ${file} (${detail}).`,
    advice: 'Name a file or folder that may be written.',
  }),
} as const;

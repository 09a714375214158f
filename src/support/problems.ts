/** What keeps a support bundle from being written. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  notWritten: (file: string, detail: string): Explanation => ({
    code: 'support.not-written',
    cause: `The support bundle could not be written to ${file} (${detail}).`,
    advice:
      'Name a file in a folder that may be written and has room with --out; nothing was left half-written.',
  }),
  exists: (file: string): Explanation => ({
    code: 'support.exists',
    cause: `There is a file ${file} already.`,
    advice: 'Name another one with --out, or remove it.',
  }),
  noSuchPart: (name: string, part: number): Explanation => ({
    code: 'support.no-such-part',
    cause: `There is no part ${part} of a support bundle ${name} on the box.`,
    advice: 'Make a bundle with `support-bundle`, and fetch the parts that its answer names.',
  }),
} as const;

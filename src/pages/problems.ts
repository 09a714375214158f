/** What a page says when a request can't be answered. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  notFound: (): Explanation => ({
    code: 'page.not-found',
    cause: 'There is no such page.',
    advice: 'Go back to the start.',
  }),
  foreignHost: (): Explanation => ({
    code: 'page.foreign-host',
    cause: 'This page is for this machine alone and was asked for under another name.',
    advice:
      'Open it as http://localhost with its port, or listen on an address of the network with a password.',
  }),
  foreignForm: (): Explanation => ({
    code: 'page.foreign-form',
    cause: 'The form did not come from this page, or the sign-in has changed since it was shown.',
    advice: 'Load the page again and send the form once more.',
  }),
  formTooLarge: (): Explanation => ({
    code: 'page.form-too-large',
    cause: 'The form is larger than this page takes.',
    advice: 'Send less at once.',
  }),
  tooManyFollowers: (): Explanation => ({
    code: 'page.too-many-followers',
    cause: 'Too many browsers follow this page live already.',
    advice: 'Close some of them; the page works without following too.',
  }),
  failed: (): Explanation => ({
    code: 'page.failed',
    cause: 'The page could not be made.',
    advice: 'The log of the program says why.',
  }),
  wrongPassword: (): Explanation => ({
    code: 'page.wrong-password',
    cause: 'The password is wrong.',
    advice: 'Try again; the one that was printed at the first start, or the one that was set, is meant.',
  }),
  tooManySignIns: (): Explanation => ({
    code: 'page.too-many-sign-ins',
    cause: 'There were too many wrong passwords.',
    advice: 'Wait ten minutes and try again.',
  }),
} as const;

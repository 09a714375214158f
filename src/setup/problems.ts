/** What keeps `init` from ending with a config. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  answersInvalid: (problems: string): Explanation => ({
    code: 'setup.answers-invalid',
    cause: problems,
    advice: 'Correct the answers and start again; nothing was written. docs/howto/init.md shows every key.',
  }),
  answersUnreadable: (file: string, detail: string): Explanation => ({
    code: 'setup.answers-unreadable',
    cause: `The answers ${file} can't be read (${detail}).`,
    advice: 'Name a YAML file that this user may read.',
  }),
  noTerminal: (): Explanation => ({
    code: 'setup.no-terminal',
    cause: 'There is no terminal to ask at.',
    advice: 'Start `scanferry init` in a terminal, or give the answers in a file with --answers.',
  }),
  interrupted: (): Explanation => ({
    code: 'setup.interrupted',
    cause: 'The interview was left before its end, so nothing was written.',
    advice: 'Start `scanferry init` again when you are ready.',
  }),
  noWayFits: (reasons: string): Explanation => ({
    code: 'setup.no-way-fits',
    cause: `None of the three ways to Microsoft 365 fits this site as it is: ${reasons}`,
    advice: 'Remove one of these obstacles, or say with `way` which one to set up all the same.',
  }),
  signInMissing: (): Explanation => ({
    code: 'setup.sign-in-missing',
    cause: 'Submission fits this site best, and the answers do not say how to sign in to the mailbox.',
    advice: 'Add `signIn`, or say with `way` which other one to set up.',
  }),
  testsFailed: (count: number): Explanation => ({
    code: 'setup.tests-failed',
    cause: `${count === 1 ? 'One test has' : `${count} tests have`} failed, so nothing was written.`,
    advice: 'Do what stands below it and start again, or write the config all the same with `goOn: true`.',
  }),
  exists: (file: string): Explanation => ({
    code: 'setup.exists',
    cause: `There is a config ${file} already, and it was left as it is.`,
    advice:
      'Name another file with --config, or replace it: with --force, or by yes in the interview; the old one is kept beside it.',
  }),
  notWritten: (file: string, detail: string): Explanation => ({
    code: 'setup.not-written',
    cause: `The config could not be written to ${file} (${detail}).`,
    advice:
      'Start it as root, or name a file and a data folder that this user may write with --config and --data.',
  }),
} as const;

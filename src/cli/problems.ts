/** What the command line says to wrong usage, and to what is not there. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  usage: (command: string, cause: string): Explanation => ({
    code: 'cli.usage',
    cause,
    advice: `\`scanferry ${command} --help\` shows how.`,
  }),
  /** What the command line itself does not understand: a flag, a word too many. */
  notUnderstood: (cause: string): Explanation => ({
    code: 'cli.not-understood',
    cause,
    advice: 'Add --help to see how it is used.',
  }),
  noSuchSecret: (name: string): Explanation => ({
    code: 'cli.no-such-secret',
    cause: `No secret is named ${name}.`,
    advice: '`scanferry secret list` shows the names.',
  }),
  noCertificate: (file: string): Explanation => ({
    code: 'cli.no-certificate',
    cause: `There is no root certificate at ${file} yet.`,
    advice:
      'The agent makes it at its first start; start it with `scanferry run`, or name its data folder with --data.',
  }),
  notWritable: (file: string, detail: string): Explanation => ({
    code: 'cli.not-writable',
    cause: `The file ${file} can't be written (${detail}).`,
    advice: 'Name a file in a folder that you may write to and that has room.',
  }),
  exportBroken: (id: string): Explanation => ({
    code: 'cli.export-broken',
    cause: `The connection to the agent broke off before the whole body of ${id} was there, so nothing was written.`,
    advice: 'Look at the agent with `scanferry status`, then export again.',
  }),
  captureNotWritten: (file: string, detail: string): Explanation => ({
    code: 'cli.capture-not-written',
    cause: `The capture can't be written to ${file} (${detail}).`,
    advice: 'Name a folder that may be written to with --out, and capture again.',
  }),
  noSuchProfile: (id: string, similar: string): Explanation => ({
    code: 'cli.no-such-profile',
    cause: `No profile is named ${id}.`,
    advice:
      similar === ''
        ? '`scanferry profiles list` shows the names.'
        : `Did you mean ${similar}? \`scanferry profiles list\` shows all names.`,
  }),
  folderUnreadable: (folder: string, detail: string): Explanation => ({
    code: 'cli.folder-unreadable',
    cause: `The folder ${folder} can't be read as profiles (${detail}).`,
    advice:
      'Name a folder that holds vendor/name/profile.json, such as firmware-profiles, or the folder of one profile.',
  }),
  nodeTooOld: (found: string, needed: string): Explanation => ({
    code: 'cli.node-too-old',
    cause: `This is Node.js ${found}, and Scanferry needs ${needed} or newer.`,
    advice: 'Start it with a newer Node.js, such as `node_modules/.bin/node` of the source tree.',
  }),
  unexpected: (detail: string): Explanation => ({
    code: 'cli.unexpected',
    cause: `This failed in a way the program does not expect: ${detail}`,
    advice: 'Report it with the output of `scanferry version`.',
  }),
} as const;

/** What backup and restore tell an operator when they can't do as asked. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  notABackup: (): Explanation => ({
    code: 'backup.not-a-backup',
    cause: 'This file is no backup of Scanferry.',
    advice: 'Name the file that `scanferry backup` wrote.',
  }),
  newer: (): Explanation => ({
    code: 'backup.newer',
    cause: 'This backup was written by a newer version of Scanferry.',
    advice: 'Install that version or a newer one, then restore again.',
  }),
  wrongPassphrase: (): Explanation => ({
    code: 'backup.wrong-passphrase',
    cause: 'The passphrase does not open this backup, or its beginning is damaged.',
    advice: 'Try again with the passphrase that was given when the backup was made.',
  }),
  damaged: (): Explanation => ({
    code: 'backup.damaged',
    cause: 'The backup is damaged or cut off, so nothing was restored.',
    advice: 'Copy the file again from where it is kept, or take an older backup.',
  }),
  passphraseEmpty: (): Explanation => ({
    code: 'backup.passphrase-missing',
    cause: 'A backup needs a passphrase, and none was given.',
    advice: 'Type one at the prompt, or name a file that holds it with --passphrase-file.',
  }),
  passphrasesDiffer: (): Explanation => ({
    code: 'backup.passphrases-differ',
    cause: 'The two passphrases are not the same.',
    advice: 'Start again and type the same one twice.',
  }),
  notWritten: (file: string, detail: string): Explanation => ({
    code: 'backup.not-written',
    cause: `The backup could not be written to ${file} (${detail}).`,
    advice: 'Name a file in a folder that may be written and has room; nothing was left half-written.',
  }),
  exists: (file: string): Explanation => ({
    code: 'backup.exists',
    cause: `There is a file ${file} already.`,
    advice: 'Name another one, or add --force to replace it.',
  }),
  unreadable: (file: string, detail: string): Explanation => ({
    code: 'backup.unreadable',
    cause: `${file} can't be read (${detail}).`,
    advice: 'Check the name and that this user may read it.',
  }),
  inTheWay: (what: string): Explanation => ({
    code: 'backup.in-the-way',
    cause: `${what} is there already, so nothing was restored.`,
    advice:
      'Name another place with --data and --config, or add --force to move it aside and restore over it.',
  }),
  noDataFolder: (): Explanation => ({
    code: 'backup.no-data-folder',
    cause: 'The backup does not say where its data folder was.',
    advice: 'Name the folder to restore to with --data.',
  }),
  agentRunning: (dataDir: string): Explanation => ({
    code: 'backup.agent-running',
    cause: `An agent is running with the data folder ${dataDir}, so nothing was restored.`,
    advice: 'Stop it first, then restore again.',
  }),
  notRestored: (place: string, detail: string): Explanation => ({
    code: 'backup.not-restored',
    cause: `The backup could not be restored to ${place} (${detail}); what was there before is unchanged.`,
    advice: 'Make sure that the folder may be written and has room, then restore again.',
  }),
  halfRestored: (place: string, detail: string, left: string): Explanation => ({
    code: 'backup.half-restored',
    cause: `The backup could not be restored to ${place} (${detail}), and not all that was there before could be put back (${left}).`,
    advice:
      'Make sure that the folder may be written; what was there is in the folder before-restore-… in it: move it back by hand.',
  }),
} as const;

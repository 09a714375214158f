/** What the config, the data folder and the secrets tell an operator when they can't be used. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  invalid: (problems: string): Explanation => ({
    code: 'config.invalid',
    cause: problems,
    advice: 'Correct the config and check it with `scanferry check`.',
  }),
  missing: (file: string): Explanation => ({
    code: 'config.missing',
    cause: `There is no config ${file}.`,
    advice: '`scanferry init` writes one; name another one with --config or SCANFERRY_CONFIG.',
  }),
  unreadable: (file: string, detail: string): Explanation => ({
    code: 'config.unreadable',
    cause: `The config ${file} can't be read (${detail}).`,
    advice: 'Name the file with --config or SCANFERRY_CONFIG, and see that this user may read it.',
  }),
  unwritable: (file: string, detail: string): Explanation => ({
    code: 'config.unwritable',
    cause: `The config ${file} can't be replaced (${detail}).`,
    advice: 'Let the user that the agent runs as write into the folder of the config.',
  }),
  trialKeptEnding: (starts: number): Explanation => ({
    code: 'config.trial-kept-ending',
    cause: `The agent ended ${starts} times with the config on trial.`,
    advice: 'The former config is in place again; the log of the agent says why it ended.',
  }),
  trialRunning: (until: string): Explanation => ({
    code: 'config.trial-running',
    cause: `Another new config is on trial until ${until}.`,
    advice: 'Wait until then, or edit the config on the box, which ends the trial.',
  }),
  trialPutBack: (): Explanation => ({
    code: 'config.trial-put-back',
    cause: 'The former config was in place again, and why could not be noted.',
    advice: 'The log of the agent says why; send the new config again if it is still wanted.',
  }),
  trialBroker: (): Explanation => ({
    code: 'config.trial-broker-lost',
    cause: 'The broker was connected before the new config, and is not with it.',
    advice: 'Correct mqtt in the new config, then send it again.',
  }),
  secretsUnreadable: (file: string): Explanation => ({
    code: 'config.secrets-unreadable',
    cause: `The stored secrets in ${file} can't be opened with this box's key.`,
    advice:
      'Restore box.key and secrets.json together from a backup, or store the secrets again with `scanferry secret set`.',
  }),
  boxKeyDamaged: (file: string, advice: string): Explanation => ({
    code: 'config.box-key-damaged',
    cause: `The box key ${file} is damaged, so stored secrets and waiting scans can't be read.`,
    advice,
  }),
  boxKeyMissing: (file: string, sealed: string, advice: string): Explanation => ({
    code: 'config.box-key-missing',
    cause: `The box key ${file} is gone, and ${sealed} beside it can't be read without it.`,
    advice,
  }),
  dataFolderUnusable: (dataDir: string, detail: string): Explanation => ({
    code: 'config.data-folder-unusable',
    cause: `The data folder ${dataDir} can't be used (${detail}).`,
    advice: 'Give the agent a data folder that it may read and write, with free space, by dataDir or --data.',
  }),
} as const;

/** What the control interface tells an operator when it can't do as asked. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  alreadyRunning: (dataDir: string): Explanation => ({
    code: 'control.already-running',
    cause: `Another agent is already running with the data folder ${dataDir}.`,
    advice: 'Stop it first, or give this one a data folder of its own with --data.',
  }),
  noSocket: (socketPath: string, detail: string): Explanation => ({
    code: 'control.no-socket',
    cause: `The agent can't listen on its control socket ${socketPath}: ${detail}.`,
    advice: 'Use a data folder that may be written and whose path is shorter than 90 characters.',
  }),
  notRunning: (dataDir: string, detail: string): Explanation => ({
    code: 'control.not-running',
    cause: `No agent is running with the data folder ${dataDir} (${detail}).`,
    advice: 'Start it with `scanferry run`, or name its data folder with --data or its config with --config.',
  }),
  notAnswering: (dataDir: string): Explanation => ({
    code: 'control.not-answering',
    cause: `The agent of ${dataDir} takes commands and does not answer.`,
    advice: 'Look at its log; restart it when it does not come back.',
  }),
  brokeOff: (): Explanation => ({
    code: 'control.broke-off',
    cause: 'The agent stopped answering in the midst of this.',
    advice: 'What it had done until then is kept; look with `scanferry status`, then do it again.',
  }),
  forbidden: (dataDir: string): Explanation => ({
    code: 'control.forbidden',
    cause: `This user may not talk to the agent of ${dataDir}.`,
    advice: 'Run the command as root or as the user the agent runs as.',
  }),
  unknownMessage: (id: string): Explanation => ({
    code: 'control.unknown-message',
    cause: `There is no message ${id}.`,
    advice: '`scanferry queue list` shows the ids; the history keeps them for `spool.historyDays` days.',
  }),
  bodyErased: (id: string): Explanation => ({
    code: 'control.body-erased',
    cause: `The body of message ${id} is no longer kept: it was delivered, cancelled or too old.`,
    advice: 'Only what happened to it is in the history; scan again if the document is needed.',
  }),
  unknownRoute: (id: string, known: string): Explanation => ({
    code: 'control.unknown-route',
    cause: `There is no route ${id}.`,
    advice: `The routes are ${known}.`,
  }),
  unknownCommand: (name: string): Explanation => ({
    code: 'control.unknown-command',
    cause: `The agent does not know the command ${name}.`,
    advice: 'The agent and the command line may be of different versions; restart the agent after an update.',
  }),
  badInput: (name: string, detail: string): Explanation => ({
    code: 'control.bad-input',
    cause: `The input of ${name} is not valid: ${detail}.`,
    advice: 'The agent and the command line may be of different versions; restart the agent after an update.',
  }),
  failed: (detail: string): Explanation => ({
    code: 'control.failed',
    cause: `The agent could not do this: ${detail}.`,
    advice: 'The log of the agent has more.',
  }),
} as const;

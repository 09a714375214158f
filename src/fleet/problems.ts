/** What the fleet says: of a site that is gone, and of what keeps the watching itself from working. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  siteOffline: (): Explanation => ({
    code: 'fleet.site-offline',
    cause: 'The box lost its connection to the broker without saying goodbye.',
    advice: 'Ask at the site whether the box has power and the internet line works.',
  }),
  siteSilent: (): Explanation => ({
    code: 'fleet.site-silent',
    cause: 'The box sends nothing any more, though the broker has not seen it leave.',
    advice:
      'Ask at the site whether the box has power and the internet line works; where both are well, restart the agent and keep its log.',
  }),
  siteReturning: (): Explanation => ({
    code: 'fleet.site-returning',
    cause: 'The box has not come back yet since the connection to the broker was lost.',
    advice:
      'Wait: after a restart of the broker every box is back within six minutes, and one that is not raises an alert.',
  }),
  siteStopped: (): Explanation => ({
    code: 'fleet.site-stopped',
    cause: 'The agent was stopped on purpose.',
    advice: 'Nothing, until it is meant to run again.',
  }),
  siteUnknown: (): Explanation => ({
    code: 'fleet.site-unknown',
    cause: 'The site has never said whether it is online.',
    advice: 'Check that its user at the broker may write scanferry/v1/<site>/status.',
  }),
  noBroker: (): Explanation => ({
    code: 'fleet.no-broker',
    cause: 'No broker is named.',
    advice: 'Name it with --broker, such as --broker mqtts://broker.example:8883.',
  }),
  notBroker: (url: string): Explanation => ({
    code: 'fleet.not-a-broker',
    cause: `${url} is not the address of a broker.`,
    advice: 'Write it with how to connect, such as --broker mqtts://broker.example:8883.',
  }),
  brokerUnreachable: (url: string, detail: string): Explanation => ({
    code: 'fleet.broker-unreachable',
    cause: `There is no connection to the broker ${url}. ${detail}`,
    advice:
      'Check --broker, --username and its password, --ca, and what the user may read and write at the broker.',
  }),
  fileUnreadable: (file: string, detail: string): Explanation => ({
    code: 'fleet.file-unreadable',
    cause: `The file ${file} can't be read: ${detail}.`,
    advice: 'Check its path and its rights.',
  }),
  fileUnwritable: (file: string, detail: string): Explanation => ({
    code: 'fleet.file-unwritable',
    cause: `The file ${file} can't be written: ${detail}.`,
    advice: 'Choose a folder that you may write to.',
  }),
  keyExists: (file: string): Explanation => ({
    code: 'fleet.key-exists',
    cause: `There is a file ${file} already, and a key is never written over.`,
    advice: 'Choose another name with --out.',
  }),
  keyIdInvalid: (id: string): Explanation => ({
    code: 'fleet.key-id-invalid',
    cause: `"${id}" can't be the name of a key.`,
    advice: 'Use lower-case letters, digits and hyphens, at most 64.',
  }),
  listenFailed: (address: string, port: number, detail: string): Explanation => ({
    code: 'fleet.listen-failed',
    cause: `The fleet can't listen on ${address} port ${port}: ${detail}.`,
    advice: 'Free the port or name another one.',
  }),
  listenInvalid: (text: string): Explanation => ({
    code: 'fleet.listen-invalid',
    cause: `"${text}" is no place to listen.`,
    advice: 'Give a port such as :8080, or an address with a port such as 0.0.0.0:8080.',
  }),
  historyFailed: (file: string, detail: string): Explanation => ({
    code: 'fleet.history-failed',
    cause: `The history ${file} can't be used: ${detail}.`,
    advice: 'Check the disk, or move the file away: a fresh one is made, and the sites go on as they are.',
  }),
  noVerb: (known: string): Explanation => ({
    code: 'fleet.no-verb',
    cause: 'None of the words is a command.',
    advice: `Write the sites first and then one of ${known}.`,
  }),
  noSites: (): Explanation => ({
    code: 'fleet.no-sites',
    cause: 'No site is named.',
    advice: 'Write the sites before the command, or --all for every site of the broker.',
  }),
  siteIdInvalid: (site: string): Explanation => ({
    code: 'fleet.site-id-invalid',
    cause: `"${site}" can't be a site.`,
    advice: 'Site ids have lower-case letters, digits and hyphens.',
  }),
  argumentInvalid: (text: string): Explanation => ({
    code: 'fleet.argument-invalid',
    cause: `"${text}" is no argument of a command.`,
    advice: 'Write name=value, or name=@file for the text of a file.',
  }),
  sendFailed: (detail: string): Explanation => ({
    code: 'fleet.send-failed',
    cause: `The command could not be sent. ${detail}`,
    advice: 'Nothing was done at the site; send it again when the broker can be reached.',
  }),
  noAnswer: (seconds: number): Explanation => ({
    code: 'fleet.no-answer',
    cause: `The site did not answer within ${seconds} seconds.`,
    advice:
      'See whether it is online with `scanferry fleet --once`; a command that comes late expires unobeyed.',
  }),
} as const;

/** Why a command is rejected or fails, as the one who sent it reads it. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  notAPrivateKey: (): Explanation => ({
    code: 'command.not-a-private-key',
    cause: 'The key to sign with is no Ed25519 private key in PEM.',
    advice: 'Give the private file that `scanferry fleet keygen` wrote.',
  }),
  retained: (): Explanation => ({
    code: 'command.retained',
    cause: 'The command was retained by the broker, so it may be old; retained commands are never obeyed.',
    advice:
      'Send commands without the retain flag, and clear the retained one with an empty retained message.',
  }),
  tooLarge: (bytesMax: number): Explanation => ({
    code: 'command.too-large',
    cause: `The command is larger than ${bytesMax} bytes.`,
    advice: 'Send a smaller one.',
  }),
  notSigned: (): Explanation => ({
    code: 'command.not-signed',
    cause:
      'The payload is no compact JWS with EdDSA, a key id and the type of a command, so nobody has signed it.',
    advice: 'Send commands with `scanferry fleet send`, or sign them as docs/howto/command-a-site.md says.',
  }),
  unknownKey: (): Explanation => ({
    code: 'command.unknown-key',
    cause: 'This site has no key of the name that the command was signed with.',
    advice: 'Add the public key to mqtt.commandKeys of the site.',
  }),
  badSignature: (): Explanation => ({
    code: 'command.bad-signature',
    cause: 'The signature does not fit the key that this site knows by that name.',
    advice: 'Sign with the private key that belongs to the one in mqtt.commandKeys of the site.',
  }),
  badClaims: (): Explanation => ({
    code: 'command.bad-claims',
    cause: 'The signed text lacks one of site, verb, args, nonce, iat and exp, or one is not of its type.',
    advice: 'Sign commands as docs/howto/command-a-site.md says.',
  }),
  otherSite: (): Explanation => ({
    code: 'command.other-site',
    cause: 'The command was signed for another site.',
    advice: 'Sign one command for each site.',
  }),
  otherVerb: (): Explanation => ({
    code: 'command.other-verb',
    cause: 'The command was signed for another verb than the topic says.',
    advice: 'Publish it to the topic of its own verb.',
  }),
  clockUnset: (): Explanation => ({
    code: 'command.clock-unset',
    cause: "The box does not know the time yet, so it can't tell whether the command is still valid.",
    advice: 'Send it again when the clock of the box is set.',
  }),
  expired: (): Explanation => ({
    code: 'command.expired',
    cause: 'The command has expired.',
    advice: 'Send a new one; if it was new, compare the clocks of the box and of the sender.',
  }),
  notYet: (): Explanation => ({
    code: 'command.not-yet',
    cause: 'The command was signed in the future, as the clock of the box goes.',
    advice: 'Compare the clocks of the box and of the sender.',
  }),
  lifeTooLong: (hours: number): Explanation => ({
    code: 'command.life-too-long',
    cause: `The command would be valid for more than ${hours} hours.`,
    advice: 'Sign it with an earlier exp.',
  }),
  replayed: (): Explanation => ({
    code: 'command.replayed',
    cause: 'A command with this nonce has been received before.',
    advice: 'Sign a new command each time.',
  }),
  verbNotAllowed: (): Explanation => ({
    code: 'command.verb-not-allowed',
    cause: 'The key is not allowed to ask for this.',
    advice: 'Add the verb to the key in mqtt.commandKeys of the site, or sign with another key.',
  }),
  unknownVerb: (): Explanation => ({
    code: 'command.unknown-verb',
    cause: 'This site knows no such command.',
    advice: 'docs/reference/topics.md lists the commands; the site may run an older version.',
  }),
  badArguments: (verb: string, detail: string): Explanation => ({
    code: 'command.bad-arguments',
    cause: `The arguments of ${verb} are not valid: ${detail}.`,
    advice: 'docs/reference/topics.md lists the arguments.',
  }),
  busy: (): Explanation => ({
    code: 'command.busy',
    cause: 'Too many commands wait at this site.',
    advice: 'Send it again when the others are done.',
  }),
  notRecorded: (detail: string): Explanation => ({
    code: 'command.not-recorded',
    cause: `The box can't write down that it received the command (${detail}), so it is not obeyed.`,
    advice: 'See to the disk of the box, then send it again.',
  }),
  notAvailable: (verb: string): Explanation => ({
    code: 'command.not-available',
    cause: `This site can't do ${verb}.`,
    advice: 'A newer version may; see docs/reference/topics.md.',
  }),
  resultTooLarge: (bytesMax: number): Explanation => ({
    code: 'command.result-too-large',
    cause: `The command was carried out, but its result is larger than ${bytesMax} bytes.`,
    advice: 'Ask for less, or look at the box itself.',
  }),
  testNotDelivered: (steps: string): Explanation => ({
    code: 'command.test-not-delivered',
    cause: `The test scan did not arrive: ${steps}.`,
    advice: 'It goes on by itself while it waits; `doctor` says what stands in its way.',
  }),
  failed: (detail: string): Explanation => ({
    code: 'command.failed',
    cause: `The command failed: ${detail}.`,
    advice: 'The log of the agent has more.',
  }),
} as const;

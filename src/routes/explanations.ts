/** The table of what can be wrong with one message on its way out, apart from what the other side replies. */
import type { Explanation } from '../core/errors.ts';

export const MESSAGES = {
  'message.too-large': {
    cause: 'The message is larger than the route takes.',
    advice: 'Scan with fewer pages or a lower resolution, or raise the limit where it is yours to raise.',
  },
  'message.header-too-large': {
    cause: 'The header of the message is too long or has no end.',
    advice: 'Report the device; its messages are not well formed.',
  },
  'message.address-invalid': {
    cause: 'The address has characters that no mail address may have.',
    advice: 'Correct the address at the device.',
  },
  'message.body-unreadable': {
    cause: 'The stored body of the message could not be read.',
    advice: 'Check the disk of this box; it is tried again.',
  },
  'message.connection-lost': {
    cause: 'The connection was lost before the whole message was sent.',
    advice: 'Nothing to do, it is tried again.',
  },
  'message.answer-lost': {
    cause: 'The message was sent, but the answer to it was lost, so it may arrive twice.',
    advice: 'Nothing to do, it is tried again with the same Message-ID.',
  },
  'message.answered-early': {
    cause: 'The other side answered before it had the whole message.',
    advice: 'Check host and port of the route, and what is in between; it is tried again.',
  },
  'message.out-of-step': {
    cause: 'The other side gave answers that fit no command, so nobody knows what it has taken.',
    advice: 'Check host and port of the route, and what is in between; it is tried again.',
  },
  'message.no-rule': {
    cause: 'No routing rule fits the domain of this recipient.',
    advice: 'Add a rule for the domain, or one without recipients that takes all.',
  },
  'message.no-route': {
    cause: 'None of the routes that the routing rule names can carry mail to this recipient.',
    advice: 'Add a submission or connector route to the rule; direct send reaches only its own domains.',
  },
} as const satisfies Record<string, { cause: string; advice: string }>;

export type MessageCode = keyof typeof MESSAGES;

/** @param detail put in brackets at the end of the sentence. */
export function explainMessage(code: MessageCode, detail?: string): Explanation {
  const { cause, advice } = MESSAGES[code];
  return { code, cause: detail === undefined ? cause : cause.replace(/\.$/, ` (${detail}).`), advice };
}

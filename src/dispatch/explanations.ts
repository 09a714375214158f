/** The sentences that dispatch itself gives for what became of a message or a route, in one table. */
import type { Explanation } from '../core/errors.ts';

/** What a row fills in; rows take only what they need. */
export interface ExplanationFacts {
  detail: string;
  hours: number;
  by: string;
  route: string;
}

export type ExplanationCode =
  | 'message.too-old'
  | 'message.sender-held'
  | 'message.answer-missed'
  | 'dispatch.no-answer'
  | 'dispatch.unexpected'
  | 'route.paused-by-operator'
  | 'route.day-budget-used'
  | 'route.unknown'
  | 'dispatch.unrecordable'
  | 'clock.unset'
  | 'clock.was-ahead';

type Row = (facts: ExplanationFacts) => Omit<Explanation, 'code'>;

export const EXPLANATIONS = {
  'message.too-old': ({ hours, detail }) => ({
    cause: `The message could not be delivered within ${hours} hours and is kept for release; the last trouble was: ${detail}`,
    advice: 'Remove the cause, then send the message again with "scanferry queue retry".',
  }),
  'message.sender-held': ({ detail }) => ({
    cause: `Held without a try, because the last message of this device with this sender was refused: ${detail}`,
    advice:
      'Correct the sender on the device or its permission in Microsoft 365, then release one message; once it arrives, release the others.',
  }),
  'message.answer-missed': () => ({
    cause:
      'This box stopped when the message had been sent, or was just about to be, and no answer is recorded, so it may arrive twice.',
    advice: 'Nothing to do, it is tried again with the same Message-ID.',
  }),
  'dispatch.no-answer': ({ route }) => ({
    cause: `The route "${route}" ended its attempt without an answer for this recipient.`,
    advice: 'Nothing needs to be done: the message is tried again.',
  }),
  'dispatch.unexpected': ({ route, detail }) => ({
    cause: `The route "${route}" failed in a way the program does not expect: ${detail}`,
    advice: 'The message is tried again; report this with a support bundle if it comes back.',
  }),
  'route.paused-by-operator': ({ route, by }) => ({
    cause: `The route "${route}" was paused by ${by}.`,
    advice: `Start it again with "scanferry routes resume ${route}".`,
  }),
  'route.day-budget-used': ({ route }) => ({
    cause: `The route "${route}" has sent to as many recipients as it may in 24 hours.`,
    advice: 'Sending goes on by itself as the hours pass; add a second route if this happens often.',
  }),
  'dispatch.unrecordable': () => ({
    cause:
      'Nothing is sent, because the disk of this box takes no writes: what was sent could not be recorded and would be sent again.',
    advice: 'Free space on the disk, or replace it if it is failing; sending goes on by itself.',
  }),
  'route.unknown': ({ route }) => ({
    cause: `There is no route with the id "${route}".`,
    advice: 'List the routes with "scanferry routes list".',
  }),
  'clock.unset': () => ({
    cause:
      'The clock of this box is not set yet, so certificates and times cannot be trusted and nothing is sent.',
    advice: 'Let the box reach a time server (NTP, UDP port 123), or set its clock by hand.',
  }),
  'clock.was-ahead': () => ({
    cause: 'The clock of this box was ahead when this message was scheduled, so it is due at once now.',
    advice: 'Nothing needs to be done; a clock that is ahead at every start points to a weak clock battery.',
  }),
} as const satisfies Record<ExplanationCode, Row>;

const NO_FACTS: ExplanationFacts = { detail: '', hours: 0, by: '', route: '' };

/** Fills in one row of the table. */
export function explain(code: ExplanationCode, facts: Partial<ExplanationFacts> = {}): Explanation {
  const row: Row = EXPLANATIONS[code];
  return { code, ...row({ ...NO_FACTS, ...facts }) };
}

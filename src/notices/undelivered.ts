/** What of a message has not arrived and will not by itself: who, why, what was answered. Pure. */
import type { RecipientState } from '../core/message.ts';
import type { AttemptRecord, MessageDetail } from '../spool/types.ts';

export interface Undelivered {
  address: string;
  state: RecipientState;
  code: string;
  cause: string;
  /** What a person can do; null where nothing is known. */
  advice: string | null;
  /** The last reply of the other side, word for word, who gave it and when; null where none came. */
  reply: string | null;
  host: string | null;
  lastAttemptAt: number | null;
}

const OVER: readonly RecipientState[] = ['failed', 'held'];
const WAITING: readonly RecipientState[] = ['queued', 'sending', 'deferred'];

/** Recipients that failed or are held now: an operator may have dealt with others since. */
export function undeliveredOf(
  detail: MessageDetail,
  adviceFor: (code: string) => string | null,
): Undelivered[] {
  return pick(detail, OVER, adviceFor);
}

/** Recipients that still wait to be sent. */
export function waitingOf(detail: MessageDetail, adviceFor: (code: string) => string | null): Undelivered[] {
  return pick(detail, WAITING, adviceFor);
}

function pick(
  { recipients, attempts }: MessageDetail,
  states: readonly RecipientState[],
  adviceFor: (code: string) => string | null,
): Undelivered[] {
  return recipients
    .filter(({ state }) => states.includes(state))
    .map(({ address, state, code, cause }) => ({
      ...{ address, state, code: code ?? '', cause: cause ?? '' },
      advice: code === null ? null : adviceFor(code),
      ...lastAnswer(attempts, address),
    }));
}

function lastAnswer(attempts: readonly AttemptRecord[], address: string) {
  const last = attempts.findLast(({ results }) => results.some((result) => result.address === address));
  const reply = last?.results.find((result) => result.address === address)?.reply ?? null;
  return { reply, host: last?.host ?? null, lastAttemptAt: last?.endedAt ?? null };
}

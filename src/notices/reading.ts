/** Reads the troubles that have not been told yet, and finds out which of them still are any. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { MessageDetail, Spool } from '../spool/types.ts';
import { addTrouble, type Case } from './cases.ts';
import { isDeviceTold, type NoticeState } from './state.ts';
import type { NoticesDeps, RoutePause } from './types.ts';
import { type Undelivered, undeliveredOf, waitingOf } from './undelivered.ts';

/** A case with what is to be told of it. */
export type Matter =
  | { case: Extract<Case, { kind: 'message' }>; detail: MessageDetail; recipients: Undelivered[] }
  | { case: Extract<Case, { kind: 'device' }>; detail: MessageDetail }
  | { case: Extract<Case, { kind: 'route' }>; pause: RoutePause }
  | { case: Extract<Case, { kind: 'salvage' }> }
  | {
      case: Extract<Case, { kind: 'delay' }>;
      detail: MessageDetail;
      recipients: Undelivered[];
      waiting: number;
    }
  /** A notice did not arrive: nobody is told by another notice. */
  | { case: Extract<Case, { kind: 'message' }>; failedNotice: MessageDetail; recipients: Undelivered[] };

export interface Reading {
  cases: Case[];
  /** Cases beyond those that are named. */
  more: number;
  /** The last event read. */
  seq: number;
}

/** Everything after `afterSeq`; however much it is, only the first cases are kept, and the others counted. */
export async function readCases(
  spool: Pick<Spool, 'troubles'>,
  afterSeq: number,
  casesMax: number,
): Promise<Reading> {
  const cases = new Map<string, Case>();
  let more = 0;
  let seq = afterSeq;
  for (;;) {
    const page = await spool.troubles(seq, LIMITS.noticeTroublesPageMax);
    for (const event of page) addTrouble(cases, event);
    for (const key of [...cases.keys()].slice(casesMax)) {
      cases.delete(key);
      more++;
    }
    seq = page.at(-1)?.seq ?? seq;
    if (page.length < LIMITS.noticeTroublesPageMax) return { cases: [...cases.values()], more, seq };
  }
}

export type LookDeps = Pick<NoticesDeps, 'spool' | 'adviceFor' | 'pauses' | 'canGoNow'> & { clock: Clock };

/** What a case has come to by now; null when there is nothing to tell any more, or nobody can be told. */
export async function lookInto(
  one: Case,
  { state, to }: { state: NoticeState; to: readonly string[] },
  deps: LookDeps,
): Promise<Matter | null> {
  switch (one.kind) {
    case 'message':
      return lookIntoMessage(one, deps);
    case 'device': {
      if (isDeviceTold(state, one.address, deps.clock.now())) return null;
      const detail = await deps.spool.show(one.message);
      const isHeld = detail?.recipients.some((recipient) => recipient.state === 'held') ?? false;
      return detail !== null && isHeld ? { case: one, detail } : null;
    }
    case 'route': {
      const pause = deps.pauses().find(({ route }) => route === one.route);
      const isNew = pause?.needsPerson === true && state.pauses[one.route] !== pause.since;
      return isNew && to.some(deps.canGoNow) ? { case: one, pause } : null;
    }
    case 'salvage':
      return { case: one };
    case 'delay':
      return lookIntoDelay(one, deps);
  }
}

async function lookIntoMessage(
  one: Extract<Case, { kind: 'message' }>,
  { spool, adviceFor }: LookDeps,
): Promise<Matter | null> {
  const detail = await spool.show(one.message);
  const recipients = detail === null ? [] : undeliveredOf(detail, adviceFor);
  if (detail === null || recipients.length === 0 || isExpiredStranger(detail, recipients)) return null;
  return detail.head.origin === 'notice'
    ? { case: one, failedNotice: detail, recipients }
    : { case: one, detail, recipients };
}

/** Nobody let the scan of an unknown device go, and that device has been told of: there is nothing new to say. */
function isExpiredStranger({ head }: MessageDetail, recipients: readonly Undelivered[]): boolean {
  return head.device.id === null && recipients.every(({ code }) => code === 'spool.hold-expired');
}

async function lookIntoDelay(
  one: Extract<Case, { kind: 'delay' }>,
  { spool, adviceFor }: LookDeps,
): Promise<Matter | null> {
  const detail = await spool.show(one.message);
  const recipients = detail === null ? [] : waitingOf(detail, adviceFor);
  if (detail === null || recipients.length === 0) return null;
  const { queued, deferred, sending } = (await spool.stats()).recipients;
  return { case: one, detail, recipients, waiting: queued + deferred + sending };
}

/** The message that has been waiting for long enough to tell of it; null when none has, or nobody can be told now. */
export async function longestWaiting(
  { spool, clock }: Pick<NoticesDeps, 'spool' | 'clock'>,
  delayMs: number,
): Promise<Extract<Case, { kind: 'delay' }> | null> {
  const now = clock.now();
  const { oldestPendingAt } = await spool.stats();
  if (oldestPendingAt === null || now - oldestPendingAt < delayMs) return null;
  const filter = {
    states: ['queued' as const, 'deferred' as const, 'sending' as const],
    until: oldestPendingAt + 1,
  };
  const [oldest] = await spool.list(filter, { limit: 1, before: null });
  return oldest === undefined ? null : { kind: 'delay', seq: 0, at: now, message: oldest.head.id };
}

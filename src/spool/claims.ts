/**
 * Which recipients are being sent: known in memory only.
 *
 * A claim thus costs no disk write, and a crash or restart gives it back by itself: on the disk the recipient never
 * stopped being queued or deferred (at least once; the Message-ID stays the same).
 */
import type { MessageId, RecipientState } from '../core/message.ts';
import type { DueRow, DueTable } from './due-table.ts';
import type { MessageBody, StoredMessage } from './message-table.ts';
import { ownerOf } from './numbers.ts';
import type { StoredRecipient } from './recipient-table.ts';
import type { Store } from './store.ts';
import type { Claim, ClaimFilter } from './types.ts';

/** Ids of the recipients being sent, by message. */
export type Claims = Map<MessageId, ReadonlySet<number>>;

/** The state as people see it. */
export function shownState(claims: Claims, id: MessageId, recipient: StoredRecipient): RecipientState {
  return claims.get(id)?.has(recipient.id) ? 'sending' : recipient.state;
}

/** Whose turn it was last; after a restart the round begins anew. */
export interface Turn {
  device: string;
}

/** Before the first device. */
export const FIRST_TURN: Turn = { device: '' };

export interface Claimed {
  claim: Claim;
  body: MessageBody;
}

/** Who is not to be claimed, and who is next. */
export interface Senders {
  claims: Claims;
  /** Numbers of messages that the open transaction accepts, or that an operator changes in it. */
  fresh: Set<number>;
  turn: Turn;
}

interface ClaimRequest {
  filter: ClaimFilter;
  limit: number;
  dueAt: number;
}

/**
 * Claims up to `limit` messages with recipients due at `dueAt`: the devices take turns, and of each goes first what
 * waits longest. So a device that floods delays the others by one message each, however much it has sent.
 *
 * No foreign key ties recipients to their message (migrations.ts). A row without one is damage that no check of the
 * file finds: it is passed over, so that it stops nobody behind it.
 */
export function claimDue(store: Store, { claims, fresh, turn }: Senders, request: ClaimRequest): Claimed[] {
  const taken = numbersOf(claims, fresh);
  const due: StoredMessage[] = [];

  function takeOne({ device, messages }: Queue): boolean {
    for (let next = messages.next(); !next.done; next = messages.next()) {
      const message = taken.has(next.value) ? null : store.messages.byNumber(next.value);
      if (message === null) continue;
      taken.add(next.value);
      due.push(message);
      turn.device = device;
      return true;
    }
    return false;
  }

  let round: Iterable<Queue> = queuesFrom(store.due, turn.device, request);
  for (let isMore = true; isMore && due.length < request.limit; ) {
    const served: Queue[] = [];
    for (const queue of round) {
      if (due.length >= request.limit) break;
      if (takeOne(queue)) served.push(queue);
    }
    round = served;
    isMore = served.length > 0;
  }
  return due.map((message) => claim(store, claims, message, request));
}

/** The earliest time at which a recipient that is not being sent becomes due. */
export function nextDueAt(
  { due, messages }: Store,
  { claims, fresh }: Pick<Senders, 'claims' | 'fresh'>,
  filter: ClaimFilter,
): number | null {
  const taken = numbersOf(claims, fresh);
  const isPassed = (number: number) => taken.has(number) || messages.bodyByNumber(number) === null;
  let earliest: number | null = null;
  for (const device of devicesFrom(due, FIRST_TURN.device)) {
    for (const line of due.linesOf(device)) {
      if (!fits(filter, line.domain)) continue;
      const first = firstOf(due, line, (row) => !isPassed(ownerOf(row.id)));
      if (first !== undefined) earliest = Math.min(first.nextAttemptAt, earliest ?? first.nextAttemptAt);
    }
  }
  return earliest;
}

function claim(store: Store, claims: Claims, message: StoredMessage, request: ClaimRequest): Claimed {
  const { filter, dueAt } = request;
  const recipients = store.recipients
    .ofMessage(message.body.number)
    .filter(({ nextAttemptAt }) => nextAttemptAt !== null && nextAttemptAt <= dueAt)
    .filter(({ domain }) => fits(filter, domain));
  claims.set(message.head.id, new Set(recipients.map(({ id }) => id)));
  return {
    claim: {
      head: message.head,
      recipients: recipients.map(({ id, address, tries }) => ({ id, address, tries })),
    },
    body: message.body,
  };
}

function numbersOf(claims: Claims, fresh: ReadonlySet<number>): Set<number> {
  const numbers = new Set(fresh);
  for (const ids of claims.values()) for (const id of ids) numbers.add(ownerOf(id));
  return numbers;
}

/** The messages of one device that are due, as numbers; one with several recipients may come several times. */
interface Queue {
  device: string;
  messages: Iterator<number>;
}

/** One round over the devices, from the one after `last` on. */
function* queuesFrom(due: DueTable, last: string, request: ClaimRequest): Generator<Queue> {
  for (const device of devicesFrom(due, last)) yield { device, messages: dueMessages(due, device, request) };
}

function* devicesFrom(due: DueTable, last: string): Generator<string> {
  for (let line = due.firstLineAfter(last); line !== null; line = due.firstLineAfter(line.device)) {
    yield line.device;
  }
  let line = due.firstLineAfter('');
  for (; line !== null && line.device <= last; line = due.firstLineAfter(line.device)) yield line.device;
}

/** Merges the lines of a device by time. */
function* dueMessages(due: DueTable, device: string, { filter, dueAt }: ClaimRequest): Generator<number> {
  const lines = due
    .linesOf(device)
    .filter(({ domain }) => fits(filter, domain))
    .map((head) => ({ head, rest: due.following(head) }));
  for (;;) {
    const first = lines.reduce<(typeof lines)[number] | null>(
      (best, line) => (best && isBefore(best.head, line.head) ? best : line),
      null,
    );
    if (first === null || first.head.nextAttemptAt > dueAt) return;
    yield ownerOf(first.head.id);
    const next = first.rest.next();
    if (next.done) lines.splice(lines.indexOf(first), 1);
    else first.head = next.value;
  }
}

function isBefore(a: DueRow, b: DueRow): boolean {
  return a.nextAttemptAt < b.nextAttemptAt || (a.nextAttemptAt === b.nextAttemptAt && a.id < b.id);
}

/** The first row of a line, from `row` on, that is wanted. */
function firstOf(due: DueTable, row: DueRow, isWanted: (row: DueRow) => boolean): DueRow | undefined {
  const rest = due.following(row);
  let current: DueRow | undefined = row;
  while (current !== undefined && !isWanted(current)) current = rest.next().value;
  return current;
}

function fits(filter: ClaimFilter, domain: string): boolean {
  if (filter.kind === 'all') return true;
  return filter.domains.includes(domain) === (filter.kind === 'only');
}

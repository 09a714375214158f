/** Writes what became of an attempt: states, times, the verbatim replies and their events, in one go. */
import { assertNever } from '../core/assert.ts';
import type { NewEvent } from '../core/events.ts';
import type { MessageBody } from './message-table.ts';
import type { RecipientChange, StoredRecipient } from './recipient-table.ts';
import { concludeChange, type Store } from './store.ts';
import { type AttemptRecord, type RecipientSettlement, type Settlement, UnfitSettlement } from './types.ts';

/** States in which a recipient may be settled; `sending` is one of them on the disk. */
const SETTLEABLE = ['queued', 'deferred'] as const;

type Pair = { recipient: StoredRecipient; settlement: RecipientSettlement };

/**
 * To be run inside a transaction. False when the message is not there, which only damage to the file brings about.
 * @throws UnfitSettlement when it does not fit the recipients; nothing is changed then.
 */
export function settleMessage(store: Store, settlement: Settlement, now: number): boolean {
  const body = store.messages.bodyById(settlement.messageId);
  if (body === null) return false;
  const recipients = store.recipients.ofMessage(body.number);
  const pairs = pair(recipients, settlement);
  for (const { recipient, settlement: one } of pairs) {
    store.recipients.change(recipient, changeOf(recipient, one, settlement.attempt !== null));
    store.events.append(now, eventOf(body, settlement, { recipient, settlement: one }, now));
  }
  if (settlement.attempt !== null) {
    const results = [...pairs.map(resultOf), ...untouchedResults(recipients, settlement.attempt.fault)];
    store.attempts.insert(body.number, settlement.attempt, results);
    const { routeId: route, fault } = settlement.attempt;
    if (fault !== undefined && pairs.length === 0) {
      const { code, cause } = fault;
      store.events.append(now, { type: 'route.failed', data: { route, message: body.id, code, cause } });
    }
  }
  if (pairs.length > 0) concludeChange(store, { body, recipients }, now);
  return true;
}

function pair(
  recipients: readonly StoredRecipient[],
  { messageId, recipients: settlements }: Settlement,
): Pair[] {
  const byId = new Map(recipients.map((recipient) => [recipient.id, recipient]));
  return settlements.map((settlement) => {
    const recipient = byId.get(settlement.recipientId);
    // Each may be settled once: what was taken is not there for a second.
    byId.delete(settlement.recipientId);
    if (recipient === undefined) {
      throw new UnfitSettlement(`recipient ${settlement.recipientId} is not one of message ${messageId}`);
    }
    if (!SETTLEABLE.some((state) => state === recipient.state)) {
      throw new UnfitSettlement(
        `recipient ${recipient.id} of message ${messageId} is ${recipient.state}, not being sent`,
      );
    }
    return { recipient, settlement };
  });
}

function changeOf(
  { tries }: StoredRecipient,
  settlement: RecipientSettlement,
  hasAttempt: boolean,
): RecipientChange {
  const tried = tries + (hasAttempt ? 1 : 0);
  switch (settlement.state) {
    case 'delivered':
      return { state: 'delivered', tries: tried, code: null, cause: null };
    case 'deferred':
      return {
        state: 'deferred',
        nextAttemptAt: settlement.nextAttemptAt,
        tries: tries + (settlement.spendTry ? 1 : 0),
        code: settlement.code,
        cause: settlement.cause,
      };
    case 'failed':
    case 'held':
      return { state: settlement.state, tries: tried, code: settlement.code, cause: settlement.cause };
    default:
      return assertNever(settlement);
  }
}

function eventOf(
  { id, receivedAt }: MessageBody,
  { attempt }: Settlement,
  { recipient, settlement }: Pair,
  now: number,
): NewEvent {
  const about = { message: id, recipient: recipient.address };
  const route = attempt?.routeId ?? null;
  switch (settlement.state) {
    case 'delivered': {
      if (attempt === null) throw new Error(`message ${id} can't be delivered without an attempt`);
      const tls = attempt.upstream?.tls ?? null;
      const waitedMs = Math.max(0, now - receivedAt);
      const { reply } = settlement;
      return { type: 'message.delivered', data: { ...about, route: attempt.routeId, tls, reply, waitedMs } };
    }
    case 'deferred': {
      const { code, cause, uncertain } = settlement;
      const nextAttemptAt = Math.ceil(settlement.nextAttemptAt);
      return { type: 'message.deferred', data: { ...about, route, code, cause, nextAttemptAt, uncertain } };
    }
    case 'failed': {
      const { code, cause, reply } = settlement;
      return { type: 'message.failed', data: { ...about, route, code, cause, reply } };
    }
    case 'held': {
      const { code, cause } = settlement;
      return { type: 'message.held', data: { ...about, route, code, cause } };
    }
    default:
      return assertNever(settlement);
  }
}

function resultOf({ recipient, settlement }: Pair): AttemptRecord['results'][number] {
  return {
    address: recipient.address,
    state: settlement.state,
    code: settlement.state === 'delivered' ? null : settlement.code,
    cause: settlement.state === 'delivered' ? null : settlement.cause,
    reply: settlement.reply ?? null,
    uncertain: settlement.state !== 'delivered' && settlement.uncertain === true,
  };
}

/** Whom a fault of the way left as they were. */
function untouchedResults(
  recipients: readonly StoredRecipient[],
  fault: NonNullable<Settlement['attempt']>['fault'],
): AttemptRecord['results'] {
  if (fault === undefined) return [];
  const { recipientIds, code, cause, reply } = fault;
  return recipients
    .filter(({ id }) => recipientIds.includes(id))
    .map(({ address, state }) => ({ address, state, code, cause, reply, uncertain: false }));
}

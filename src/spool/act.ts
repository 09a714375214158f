/** Applies an operator's action, a batch of messages at a time, each batch in one go. */
import { assertNever } from '../core/assert.ts';
import type { NewEvent } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import type { MessageId } from '../core/message.ts';
import { type ActionRule, ruleOf } from './actions.ts';
import { type Senders, shownState } from './claims.ts';
import { findMessages, fitsRecipient } from './find.ts';
import { REASONS } from './problems.ts';
import type { RecipientChange, StoredRecipient } from './recipient-table.ts';
import { concludeChange, type Store } from './store.ts';
import type { MessageFilter, OperatorAction } from './types.ts';

export interface ActRequest {
  action: OperatorAction;
  filter: MessageFilter;
  /** Who asked for it. */
  by: string;
  /** Where this batch begins: messages older than this id; null at the newest. */
  before: MessageId | null;
}

export interface ActResult {
  changed: number;
  skipped: number;
  before: MessageId | null;
}

/** To be run inside a transaction. */
export function actOn(
  store: Store,
  senders: Pick<Senders, 'claims' | 'fresh'>,
  request: ActRequest & { now: number },
): ActResult {
  const limit = LIMITS.spoolActBatchMax;
  // Nobody means the history when no message is named.
  const unsettledOnly = request.filter.ids === undefined;
  const page = { limit, before: request.before };
  const { ids, before } = findMessages(store.db, request.filter, page, { unsettledOnly });
  const result: ActResult = { changed: 0, skipped: 0, before };
  for (const id of ids) {
    const { changed, skipped } = actOnMessage(store, senders, id, request);
    result.changed += changed;
    result.skipped += skipped;
  }
  return result;
}

function actOnMessage(
  store: Store,
  { claims, fresh }: Pick<Senders, 'claims' | 'fresh'>,
  id: MessageId,
  request: ActRequest & { now: number },
): { changed: number; skipped: number } {
  const message = store.messages.byId(id);
  if (message === null) return { changed: 0, skipped: 0 };
  const rule = ruleOf(request.action);
  const recipients = store.recipients.ofMessage(message.body.number);
  const meant = recipients.filter((recipient) =>
    fitsRecipient(request.filter, recipient, shownState(claims, id, recipient)),
  );
  const allowed = meant.filter((recipient) => {
    const state = shownState(claims, id, recipient);
    return rule.from.some((from) => from === state) && (message.body.hasBody || !rule.needsBody);
  });
  for (const recipient of allowed) {
    store.recipients.change(recipient, changeOf(rule, request));
    store.events.append(request.now, eventOf(id, recipient, request));
  }
  if (allowed.length > 0) {
    concludeChange(store, { body: message.body, recipients }, request.now);
    fresh.add(message.body.number);
  }
  return { changed: allowed.length, skipped: meant.length - allowed.length };
}

function changeOf(rule: ActionRule, { by, now }: { by: string; now: number }): RecipientChange {
  switch (rule.to) {
    case 'queued':
      return { state: 'queued', nextAttemptAt: now, tries: 0, code: null, cause: null };
    case 'held':
      return { state: 'held', ...REASONS.heldByOperator(by) };
    case 'cancelled':
      return { state: 'cancelled', ...REASONS.cancelledByOperator(by) };
    default:
      return assertNever(rule.to);
  }
}

function eventOf(message: MessageId, { address }: StoredRecipient, { action, by }: ActRequest): NewEvent {
  const about = { message, recipient: address };
  switch (action) {
    case 'retry':
      return { type: 'message.requeued', data: { ...about, by } };
    case 'release':
      return { type: 'message.released', data: { ...about, by } };
    case 'cancel':
      return { type: 'message.cancelled', data: { ...about, by } };
    case 'hold':
      return { type: 'message.held', data: { ...about, route: null, ...REASONS.heldByOperator(by) } };
    default:
      return assertNever(action);
  }
}
